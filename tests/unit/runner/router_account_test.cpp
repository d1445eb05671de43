// A daemon without rights, and a router that is another account's: what they share, and what not.
#include <Poco/Net/HTTPClientSession.h>
#include <Poco/Net/HTTPRequest.h>
#include <Poco/Net/HTTPResponse.h>
#include <Poco/Net/SocketAddress.h>
#include <Poco/NullStream.h>
#include <Poco/StreamCopier.h>
#include <fcntl.h>
#include <gmock/gmock.h>
#include <grp.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <chrono>
#include <thread>

#include "base/child_process.h"
#include "base/error.h"
#include "base/fd.h"
#include "runner/detail/caddy_access_log.h"
#include "runner/router.h"
#include "runner/router_program.h"
#include "tests/support/temp_folder.h"

namespace runner {
namespace {

namespace fs = std::filesystem;
namespace net = Poco::Net;
using testing::HasSubstr;

constexpr uid_t kDaemon = 65'003;
constexpr gid_t kDaemonGroup = 65'003;
constexpr const char* kAccount = "caddy";

void become(uid_t user, gid_t group) {
  if (::seteuid(0) != 0 || ::setegid(group) != 0 || ::seteuid(user) != 0)
    throw base::Error(base::Errc::internal, "changing the user");
}

/// While it lives this process is the daemon's user, and of the router's group.
class AsDaemon {
 public:
  explicit AsDaemon(gid_t group) {
    if (::setgroups(1, &group) != 0) throw base::Error(base::Errc::internal, "changing the groups");
    become(kDaemon, kDaemonGroup);
  }
  ~AsDaemon() {
    become(0, 0);
    static_cast<void>(::setgroups(0, nullptr));
  }
  AsDaemon(const AsDaemon&) = delete;
  AsDaemon& operator=(const AsDaemon&) = delete;
};

/// Has root's rights for what it does, whoever asks, and whoever that is afterwards.
class RootsPrograms : public sandbox::HostPrograms {
 public:
  explicit RootsPrograms(const CaddyConfig& config)
      : real_(sandbox::makeHostPrograms([config](const std::string&) {
          return routerProgram(config, [](const base::Confinement& account) -> std::vector<std::string> {
            return {"setpriv",
                    "--reuid=" + std::to_string(account.uid),
                    "--regid=" + std::to_string(account.gid),
                    "--clear-groups",
                    "sh",
                    "-c",
                    "umask 007; exec \"$@\"",
                    "sh"};
          });
        })) {}

  Started start(const std::string& name, const base::Fd& output) override {
    const AsRoot root;
    return real_->start(name, output);
  }
  void signal(const std::string& name, pid_t pid, int signalNumber) override {
    const AsRoot root;
    real_->signal(name, pid, signalNumber);
  }
  base::ExitStatus run(const std::string& name, const base::Fd& output, const base::Fd& log,
                       std::stop_token stop) override {
    const AsRoot root;
    return real_->run(name, output, log, std::move(stop));
  }
  base::Fd openFile(const fs::path& path) override {
    const AsRoot root;
    return real_->openFile(path);
  }

 private:
  struct AsRoot {
    AsRoot() { become(0, 0); }
    ~AsRoot() { become(user, group); }
    const uid_t user = ::geteuid();
    const gid_t group = ::getegid();
  };
  const std::unique_ptr<sandbox::HostPrograms> real_;
};

class RouterAccountTest : public testing::Test {
 protected:
  void SetUp() override {
    if (::geteuid() != 0) GTEST_SKIP() << "only root can be others";
    if (!base::findProgram("caddy")) GTEST_SKIP() << "caddy is not installed";
    account_ = base::confinementOf(kAccount);
    ASSERT_EQ(::chown(folder_.path().c_str(), kDaemon, kDaemonGroup), 0);
    config_ = {.listen = "127.0.0.1:0", .folder = folder_ / "router", .user = kAccount};
    programs_ = std::make_unique<RootsPrograms>(config_);
  }

  static int statusOf(const std::string& address, const std::string& host) {
    net::HTTPClientSession session{net::SocketAddress(address)};
    net::HTTPRequest request(net::HTTPRequest::HTTP_GET, "/", net::HTTPMessage::HTTP_1_1);
    request.setHost(host);
    session.sendRequest(request);
    net::HTTPResponse response;
    Poco::NullOutputStream nowhere;
    Poco::StreamCopier::copyStream(session.receiveResponse(response), nowhere);
    return static_cast<int>(response.getStatus());
  }

  std::string loggedOf(const std::string& host) const {
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    std::string log;
    while (log.find(host) == std::string::npos && std::chrono::steady_clock::now() < end) {
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
      log = folder_.read("router/caddy/access.log");
    }
    return log;
  }

  std::string pid() const { return folder_.read("router/caddy.pid"); }

  struct stat statOf(const std::string& name) const {
    struct stat info {};
    EXPECT_EQ(::lstat((folder_ / name).c_str(), &info), 0) << name;
    return info;
  }
  mode_t modeOf(const std::string& name) const { return statOf(name).st_mode & 07777; }

  /// As an earlier version's Caddy left it.
  void leave(const std::string& name, mode_t mode) const {
    const fs::path file = folder_.write("router/caddy/" + name, "left");
    ASSERT_EQ(::chown(file.c_str(), account_.uid, account_.gid), 0);
    ASSERT_EQ(::chmod(file.c_str(), mode), 0);
  }

  testing_support::TempFolder folder_;
  base::Confinement account_;
  CaddyConfig config_;
  std::unique_ptr<RootsPrograms> programs_;
};

TEST_F(RouterAccountTest, ADaemonWithoutRightsHasItsRouter) {
  const AsDaemon daemon(account_.gid);
  auto router = makeCaddyRouter(config_, *programs_);
  router->apply({{{"one.localhost"}, {}}});
  EXPECT_EQ(statusOf(router->address(), "one.localhost"), 503);
  EXPECT_THAT(loggedOf("one.localhost"), HasSubstr("\"status\":503"));
  // What was taken of the log is freed.
  EXPECT_NO_THROW(base::openFile(folder_ / "router" / detail::kAccessLog, O_WRONLY));
  EXPECT_EQ(statOf("router/caddy/access.log").st_uid, account_.uid);
  EXPECT_EQ(modeOf("router"), 02750u);
  EXPECT_EQ(modeOf("router/caddy"), 02770u);
  EXPECT_EQ(modeOf("router/caddy.json"), 0640u);
  EXPECT_EQ(statOf("router/caddy.json").st_uid, kDaemon);
  EXPECT_EQ(statOf("router/caddy.json").st_gid, account_.gid);

  const std::string before = pid();
  router.reset();
  config_.listen = "127.0.0.2:0";  // told to the running one
  router = makeCaddyRouter(config_, *programs_);
  router->apply({{{"two.localhost"}, {}}});
  EXPECT_EQ(pid(), before);
  EXPECT_EQ(statusOf(router->address(), "two.localhost"), 503);
  router->stop();
  EXPECT_FALSE(fs::exists(folder_ / "router/caddy.pid"));
  EXPECT_THROW(statusOf(router->address(), "two.localhost"), Poco::Exception);
}

TEST_F(RouterAccountTest, TheNextFileOfRequestsIsTheDaemonsToRead) {
  const AsDaemon daemon(account_.gid);
  auto router = makeCaddyRouter(config_, *programs_);
  router->stop();
  constexpr off_t kFull = 64ll << 20;  // to Caddy: so it begins another
  {
    const base::Fd log = base::openFile(folder_ / "router" / detail::kAccessLog, O_WRONLY);
    ASSERT_EQ(::ftruncate(log.get(), kFull), 0);
  }
  router = makeCaddyRouter(config_, *programs_);
  EXPECT_EQ(statusOf(router->address(), "one.localhost"), 404);
  EXPECT_THAT(loggedOf("one.localhost"), HasSubstr("\"status\":404"));
  EXPECT_LT(statOf("router/caddy/access.log").st_size, kFull);
  EXPECT_EQ(modeOf("router/caddy/access.log"), 0660u);
  router->stop();
}

TEST_F(RouterAccountTest, AnEarlierVersionsFolderIsTaken) {
  fs::create_directories(folder_ / "router/caddy/acme");
  leave("access.log", 0600);
  leave("access-2026-01-01T00-00-00.000.log", 0600);
  leave("acme/key", 0600);
  leave("access-others.log", 0600);
  fs::create_hard_link(folder_ / "router/caddy/access-others.log", folder_ / "others");
  folder_.write("secret", "secret");
  ASSERT_EQ(::chmod((folder_ / "secret").c_str(), 0600), 0);
  fs::create_symlink("../../secret", folder_ / "router/caddy/access-link.log");
  ASSERT_EQ(::chown((folder_ / "router/caddy").c_str(), account_.uid, account_.gid), 0);
  ASSERT_EQ(::chmod((folder_ / "router/caddy").c_str(), 0700), 0);

  prepareRouterFolder(folder_ / "router", kAccount, kDaemon);
  EXPECT_EQ(statOf("router/caddy").st_uid, kDaemon);
  EXPECT_EQ(modeOf("router/caddy/access.log"), 0660u);
  EXPECT_EQ(statOf("router/caddy/access.log").st_uid, account_.uid);
  EXPECT_EQ(modeOf("router/caddy/access-2026-01-01T00-00-00.000.log"), 0660u);
  EXPECT_EQ(modeOf("router/caddy/acme/key"), 0600u);
  // What has another name, or is elsewhere, is none of it.
  EXPECT_EQ(modeOf("others"), 0600u);
  EXPECT_EQ(modeOf("secret"), 0600u);

  const AsDaemon daemon(account_.gid);
  const auto router = makeCaddyRouter(config_, *programs_);
  EXPECT_EQ(statusOf(router->address(), "one.localhost"), 404);
  EXPECT_THAT(loggedOf("one.localhost"), HasSubstr("left"));
  router->stop();
}

TEST_F(RouterAccountTest, CertificatesMayBeRootsAlone) {
  const auto made = base::runCommand({"openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                                      "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2", "-subj",
                                      "/CN=x", "-addext", "subjectAltName=DNS:localhost", "-keyout",
                                      folder_ / "key.pem", "-out", folder_ / "cert.pem"});
  ASSERT_TRUE(made.status.ok()) << made.err;
  ASSERT_EQ(::chmod((folder_ / "key.pem").c_str(), 0600), 0);
  config_.tls = TlsFront{.listen = "127.0.0.1:0",
                         .certificate = folder_ / "cert.pem",
                         .key = folder_ / "key.pem",
                         .backend = "127.0.0.1:1"};
  const AsDaemon daemon(account_.gid);
  EXPECT_THROW(base::readFile(folder_ / "key.pem"), base::Error);
  const auto router = makeCaddyRouter(config_, *programs_);
  const auto got = base::runCommand({"curl", "-sS", "--noproxy", "*", "--cacert", folder_ / "cert.pem", "-o",
                                     "/dev/null", "-w", "%{http_code}", "--resolve",
                                     "localhost:" + router->tlsAddress().substr(10) + ":127.0.0.1",
                                     "https://localhost:" + router->tlsAddress().substr(10) + "/"});
  EXPECT_EQ(got.out, "502") << got.err;  // TLS works, and behind it is nothing
  router->stop();
}

TEST_F(RouterAccountTest, SaysWhichAccountIsMissing) {
  config_.user = "nobody-of-that-name";
  try {
    makeCaddyRouter(config_, *programs_);
    FAIL();
  } catch (const base::Error& error) {
    EXPECT_THAT(error.what(), HasSubstr("no account \"nobody-of-that-name\""));
    EXPECT_THAT(error.what(), HasSubstr("router_user"));
  }
}

TEST(RouterProgram, IsItsAccountsWithTheRightToLowPortsWhereItNeedsIt) {
  std::vector<base::Confinement> asked;
  const auto confinedBy = [&](const base::Confinement& account) {
    asked.push_back(account);
    return std::vector<std::string>{"confined"};
  };
  CaddyConfig config{.listen = "0.0.0.0:1024", .folder = "/data/run/router", .program = "sh", .user = "root"};
  const auto program = routerProgram(config, confinedBy);
  EXPECT_EQ(program.argv.front(), "confined");
  EXPECT_EQ(program.workingDirectory, "/data/run/router");
  EXPECT_EQ(program.user, std::optional<uid_t>(0));
  config.appsTls = AppsTls{.listen = "[::]:443"};
  routerProgram(config, confinedBy);
  config.appsTls.reset();
  config.listen = "127.0.0.1:0";
  routerProgram(config, confinedBy);
  ASSERT_EQ(asked.size(), 3u);
  EXPECT_FALSE(asked[0].lowPorts);
  EXPECT_TRUE(asked[1].lowPorts);
  EXPECT_FALSE(asked[2].lowPorts);
  config.user.clear();
  EXPECT_EQ(routerProgram(config, confinedBy).user, std::nullopt);
  EXPECT_EQ(asked.size(), 3u);
}

}  // namespace
}  // namespace runner
