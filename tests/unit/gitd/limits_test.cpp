// Who is let in, who waits, who is sent away, and what they are told.
#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <csignal>
#include <future>
#include <thread>

#include "tests/unit/gitd/server_fixture.h"

namespace gitd::testing {
namespace {

using ::testing::HasSubstr;
using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

const std::string kHostile = SOURCE_DIR "/tests/support/hostile_ssh.py";

class LimitsTest : public ServerTest {
 protected:
  base::CommandOutput hostile(std::vector<std::string> words) {
    words.insert(words.begin() + 1, port());
    words.insert(words.begin(), {"/usr/bin/python3", kHostile});
    return run(words);
  }
  base::CommandOutput sshFrom(const std::string& address) {
    auto argv = sshCommand("alice");
    argv.insert(argv.end(), {"-b", address, "-p", port(), "git@127.0.0.1", "apps"});
    return run(argv);
  }
  std::future<base::CommandOutput> inBackground(const std::string& command) {
    return std::async(std::launch::async, [this, command] { return ssh({command}); });
  }
  /// Commands run until released.
  void holdCommands() {
    handler_.onCommand = [this](const std::vector<std::string>&, CommandStreams& streams,
                                const std::stop_token& stop) {
      ++holding_;
      while (!released_ && !stop.stop_requested())
        std::this_thread::sleep_for(1ms);
      streams.out().write("done\n");
      return 0;
    };
  }

  std::atomic<int> holding_{0};
  std::atomic<bool> released_{false};
};

TEST_F(LimitsTest, TellsAfterAWaitWhichLimitHoldsSomebodyBack) {
  holdCommands();
  start([](SshServerConfig& config) {
    config.maxPerSource = 1;
    config.maxWait = 1s;
  });
  auto first = inBackground("hold");
  ASSERT_TRUE(eventually([&] { return holding_ == 1; }));
  const auto second = ssh({"apps"});
  EXPECT_EQ(second.status.code, 255);
  EXPECT_THAT(second.err,
              HasSubstr("fairlead: your address has too many connections (1): try again later, or "
                        "raise ssh_max_per_source"));
  released_ = true;
  EXPECT_EQ(first.get().out, "done\n");
  EXPECT_EQ(ssh({"apps"}).out, "done\n");
}

TEST_F(LimitsTest, LoginGraceEndsWithItsSetting) {
  start([](SshServerConfig& config) { config.loginGrace = 1s; });
  const base::Fd silent = connectPlain();
  const std::string banner = "SSH-2.0-slow\r\n";
  ::send(silent.get(), banner.data(), banner.size(), MSG_NOSIGNAL);
  EXPECT_THAT(readToEnd(silent), HasSubstr("no login within 1 s (setting ssh_login_grace_s)"));
}

TEST_F(LimitsTest, AThousandStrangersDoNotKeepPeopleOut) {
  for (const std::string words : {"", "SSH-2.0-stranger\\r\\n"}) {
    start([](SshServerConfig& config) { config.loginGrace = 30s; });
    auto [readEnd, writeEnd] = base::makePipe();
    auto [outRead, outWrite] = base::makePipe();
    base::ChildSpec spec;
    spec.argv = {"/usr/bin/python3", kHostile, "strangers", port(), "1000", words};
    spec.fds = {{&readEnd, 0}, {&outWrite, 1}};
    auto strangers = base::ChildProcess::spawn(spec);
    char ready[8];
    EXPECT_GT(base::readSome(outRead, ready, sizeof ready), 0u);
    auto begin = Clock::now();
    EXPECT_EQ(sshFrom("127.0.0.2").out, "hello alice\n");
    EXPECT_LT(Clock::now() - begin, 5s);
    begin = Clock::now();
    EXPECT_EQ(sshFrom("127.0.0.1").out, "hello alice\n") << "from the strangers' own address";
    EXPECT_LT(Clock::now() - begin, 10s);
    server_.reset();
  }
}

TEST_F(LimitsTest, OneConnectionHasAsManySessionsAsItsLimit) {
  holdCommands();
  start([](SshServerConfig& config) { config.maxChannels = 2; });
  const std::string control = startMaster();
  const auto session = [&] {
    return run({"ssh", "-o", "ControlPath=" + control, "-p", port(), "git@127.0.0.1", "hold"});
  };
  auto first = std::async(std::launch::async, session);
  auto second = std::async(std::launch::async, session);
  ASSERT_TRUE(eventually([&] { return holding_ == 2; }));
  const auto third = session();
  EXPECT_EQ(third.status.code, 1);
  EXPECT_THAT(third.err, HasSubstr("fairlead: this connection has 2 sessions already"));
  EXPECT_THAT(third.err, HasSubstr("raise ssh_max_channels"));
  released_ = true;
  EXPECT_EQ(first.get().out, "done\n");
  EXPECT_EQ(second.get().out, "done\n");
  run({"ssh", "-o", "ControlPath=" + control, "-O", "exit", "git@127.0.0.1"});
}

TEST_F(LimitsTest, AClientThatIgnoresItsWindowIsCutOff) {
  holdCommands();
  start();
  EXPECT_EQ(hostile({"window", folder_ / "keys/alice", "hold"}).out, "cut off\n");
  released_ = true;
  EXPECT_EQ(ssh({"apps"}).out, "done\n");
}

TEST_F(LimitsTest, AFrozenClientIsLostWhenItAnswersNoKeepalive) {
  std::atomic<bool> lost{false};
  std::atomic<bool> running{false};
  handler_.onCommand = [&](const std::vector<std::string>&, CommandStreams&, const std::stop_token& gone) {
    running = true;
    while (!gone.stop_requested())
      std::this_thread::sleep_for(1ms);
    lost = true;
    return 0;
  };
  start([](SshServerConfig& config) { config.keepalive = 250ms; });
  const base::Fd nowhere = base::openFile("/dev/null", 1);
  base::ChildSpec spec;
  spec.argv = sshCommand("alice");
  spec.argv.insert(spec.argv.end(), {"-p", port(), "git@127.0.0.1", "logs"});
  spec.fds = {{&nowhere, 1}, {&nowhere, 2}};
  auto client = base::ChildProcess::spawn(spec);
  ASSERT_TRUE(eventually([&] { return running.load(); }));
  const auto frozen = Clock::now();
  client.signalGroup(SIGSTOP);
  EXPECT_TRUE(eventually([&] { return lost.load(); }));
  EXPECT_GT(Clock::now() - frozen, 900ms);
  client.signalGroup(SIGKILL);
  server_.reset();
}

TEST_F(LimitsTest, AnswersKeepaliveOfAClientThatWaitsLong) {
  handler_.onCommand = [](const std::vector<std::string>&, CommandStreams& streams, const std::stop_token&) {
    std::this_thread::sleep_for(1500ms);  // longer than four keepalives
    streams.out().write("done\n");
    return 0;
  };
  start([](SshServerConfig& config) { config.keepalive = 250ms; });
  EXPECT_EQ(ssh({"long"}).out, "done\n");
}

TEST_F(LimitsTest, CountsWhatHappened) {
  start();
  key("mallory");
  EXPECT_EQ(ssh({"apps"}).out, "hello alice\n");
  EXPECT_EQ(ssh({"apps"}, "mallory").status.code, 255);
  server_.reset();
  const std::string text = metrics_.text();
  EXPECT_THAT(text, HasSubstr("fairlead_ssh_connections_total 2\n"));
  EXPECT_THAT(text, HasSubstr("fairlead_ssh_open_connections 0\n"));
  EXPECT_THAT(text, HasSubstr("fairlead_ssh_logins_total{result=\"accepted\"} 1\n"));
  EXPECT_THAT(text, HasSubstr("fairlead_ssh_logins_total{result=\"gone\"} 1\n"));
  EXPECT_THAT(text, HasSubstr("fairlead_ssh_logins_total{result=\"unknown_key\"} 1\n"));
  EXPECT_THAT(text, HasSubstr("fairlead_ssh_handshake_seconds_count 1\n"));
}

}  // namespace
}  // namespace gitd::testing
