// Clients that vanish without a word: no FIN, no RST, nothing.
#include <gmock/gmock.h>
#include <sched.h>

#include <csignal>

#include "base/error.h"
#include "git/pkt_line.h"
#include "tests/unit/gitd/server_fixture.h"

namespace gitd::testing {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

/// A network of this thread's own, for those that it starts from then on: a loopback that can be cut.
class PrivateNetwork {
 public:
  PrivateNetwork() : before_(base::openFile("/proc/self/ns/net", 0)) {
    entered_ = ::unshare(CLONE_NEWNET) == 0;
    works_ = entered_ && tool({"ip", "link", "set", "lo", "up"}) && rule("-A") && rule("-D");
  }
  ~PrivateNetwork() {
    if (entered_) ::setns(before_.get(), CLONE_NEWNET);
  }
  PrivateNetwork(const PrivateNetwork&) = delete;
  PrivateNetwork& operator=(const PrivateNetwork&) = delete;

  /// False where this is not permitted, or there is no iptables.
  bool works() const noexcept { return works_; }
  void cut() { EXPECT_TRUE(rule("-A")); }
  void mend() { EXPECT_TRUE(rule("-D")); }

 private:
  static bool tool(const std::vector<std::string>& argv) {
    try {
      return base::runCommand(argv).status.ok();
    } catch (const base::Error&) {
      return false;  // not installed
    }
  }
  static bool rule(const std::string& action) {
    return tool({"iptables", action, "INPUT", "-i", "lo", "-j", "DROP"});
  }

  base::Fd before_;
  bool entered_ = false;
  bool works_ = false;
};

class HalfOpenTest : public ServerTest {
 protected:
  void SetUp() override {
    if (!network_.works()) GTEST_SKIP() << "no private network here";
    start([](SshServerConfig& config) {
      config.keepalive = 500ms;
      config.loginGrace = 60s;
      config.idleTimeout = 120s;
    });
    repository_ = makeRepository("hello");
    work_ = makeWorkTree("work", "hello");
  }

  base::ChildProcess spawnSsh(const base::Fd& input, std::vector<std::string> words) {
    base::ChildSpec spec{
        .argv = sshCommand("alice"), .environment = environment("alice"), .workingDirectory = {}};
    spec.argv.insert(spec.argv.end(), {"-p", port(), "git@127.0.0.1"});
    spec.argv.insert(spec.argv.end(), words.begin(), words.end());
    spec.fds = {{&input, 0}, {&nowhere_, 1}, {&nowhere_, 2}};
    return base::ChildProcess::spawn(spec);
  }
  bool openConnections(int count) {
    return metrics_.text().find("fairlead_ssh_open_connections " + std::to_string(count) + "\n") !=
           std::string::npos;
  }
  std::string logins() const { return "fairlead_ssh_logins_total{result=\"accepted\"} "; }
  void expectAllGone() {
    // Four keepalives without an answer are 2 s; the kernel counts in whole seconds.
    EXPECT_TRUE(eventually([&] { return openConnections(0); }, 8s)) << metrics_.text();
    EXPECT_TRUE(eventually([&] { return quarantineIsEmpty(repository_); }));
    network_.mend();
    EXPECT_TRUE(git(work_, {"push", "fairlead", "main"}).status.ok());
  }

  PrivateNetwork network_;
  const base::Fd nowhere_ = base::openFile("/dev/null", 2);
  fs::path repository_;
  fs::path work_;
};

TEST_F(HalfOpenTest, WhoHasNotLoggedInIsGone) {
  base::Fd silent = connectPlain();
  base::Fd polite = connectPlain();
  base::writeAll(polite, "SSH-2.0-OpenSSH_9.2\r\n");
  ASSERT_TRUE(eventually([&] { return openConnections(2); }));
  network_.cut();
  silent.reset();
  polite.reset();
  expectAllGone();
}

TEST_F(HalfOpenTest, WhoIsLoggedInAndIdleIsGone) {
  const base::Fd none = base::openFile("/dev/null", 0);
  auto master = spawnSsh(none, {"-N"});
  ASSERT_TRUE(eventually([&] { return metrics_.text().find(logins() + "1\n") != std::string::npos; }));
  network_.cut();
  master.signalGroup(SIGKILL);
  master.wait();
  expectAllGone();
}

TEST_F(HalfOpenTest, WhoIsSendingAPackIsGoneWithIt) {
  const std::string head = git(work_, {"rev-parse", "HEAD"}).out.substr(0, 40);
  auto [input, writeEnd] = base::makePipe();
  auto client = spawnSsh(input, {"git-receive-pack 'hello'"});
  base::writeAll(writeEnd, ::git::pktLine(std::string(40, '0') + " " + head + " refs/heads/main" +
                                          std::string(1, '\0') + "report-status side-band-64k") +
                               "0000PACK" + std::string("\0\0\0\2\0\0\0\5", 8));
  ASSERT_TRUE(eventually([&] { return !quarantineIsEmpty(repository_); }));
  network_.cut();
  client.signalGroup(SIGKILL);
  client.wait();
  expectAllGone();
  EXPECT_EQ(handler_.pushes, 1);
}

}  // namespace
}  // namespace gitd::testing
