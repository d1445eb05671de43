#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <csignal>
#include <fstream>
#include <future>
#include <thread>

#include "tests/unit/gitd/server_fixture.h"

namespace gitd::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class SessionTest : public ServerTest {};

TEST_F(SessionTest, RunsACommandWithItsStreamsAndStatus) {
  std::vector<std::string> seen;
  handler_.onCommand = [&](const std::vector<std::string>& argv, CommandStreams& streams,
                           const std::stop_token&) {
    seen = argv;
    streams.out().write("to out\n");
    streams.err().write("to err\n");
    return 42;
  };
  start();
  const auto result = ssh({"config:set", "'A=it'\\''s two words'", "-a", "hello"});
  EXPECT_EQ(result.status.code, 42);
  EXPECT_EQ(result.out, "to out\n");
  EXPECT_THAT(result.err, HasSubstr("to err\n"));
  server_.reset();  // its threads have written `seen`
  EXPECT_THAT(seen, ElementsAre("config:set", "A=it's two words", "-a", "hello"));
}

TEST_F(SessionTest, GreetsAShellWithoutACommand) {
  std::vector<std::string> seen = {"unset"};
  handler_.onCommand = [&](const std::vector<std::string>& argv, CommandStreams& streams,
                           const std::stop_token&) {
    seen = argv;
    streams.out().write("hello\n");
    return 0;
  };
  start();
  EXPECT_EQ(ssh({}).out, "hello\n");
  // With a terminal the client's own does not add the carriage return.
  auto argv = sshCommand("alice");
  argv.insert(argv.end(), {"-tt", "-p", port(), "git@127.0.0.1"});
  EXPECT_EQ(run(argv).out, "hello\r\n");
  server_.reset();  // its threads have written `seen`
  EXPECT_THAT(seen, IsEmpty());
}

TEST_F(SessionTest, RefusesWhatItDoesNotServe) {
  start();
  EXPECT_NE(ssh({"-s", "sftp"}).status.code, 0);
  const auto archive = ssh({"git-upload-archive", "hello.git"});
  EXPECT_EQ(archive.status.code, 1);
  EXPECT_THAT(archive.err, HasSubstr("git archive is not served"));
  EXPECT_EQ(ssh({"git-receive-pack"}).status.code, 2);
  EXPECT_EQ(ssh({"'open quote"}).status.code, 2);
}

TEST_F(SessionTest, MovesALotBothWays) {
  handler_.onCommand = [](const std::vector<std::string>&, CommandStreams& streams, const std::stop_token&) {
    const std::string piece(1u << 20, 'x');
    for (int i = 0; i < 20; ++i)
      streams.out().write(piece);
    return 0;
  };
  start();
  auto argv = sshCommand("alice");
  argv.insert(argv.end(), {"-p", port(), "git@127.0.0.1", "much"});
  base::CommandOptions options;
  options.maxOutputBytes = 64u << 20;
  options.input = std::string(8u << 20, 'y');  // nobody reads it
  EXPECT_EQ(base::runCommand(argv, options).out.size(), 20u << 20);
}

TEST_F(SessionTest, ServesSeveralChannelsOfOneConnection) {
  std::atomic<int> running{0};
  std::promise<void> all;
  auto together = all.get_future().share();
  handler_.onCommand = [&](const std::vector<std::string>& argv, CommandStreams& streams,
                           const std::stop_token&) {
    if (argv.at(0) == "hold") {
      if (++running == 3) all.set_value();
      together.wait_for(std::chrono::seconds(10));
    }
    streams.out().write(argv.at(0) + "\n");
    return 0;
  };
  start();
  const std::string control = startMaster();
  std::vector<std::future<base::CommandOutput>> results;
  for (int i = 0; i < 3; ++i) {
    results.push_back(std::async(std::launch::async, [&] {
      return run({"ssh", "-o", "ControlPath=" + control, "-p", port(), "git@127.0.0.1", "hold"});
    }));
  }
  for (auto& result : results)
    EXPECT_EQ(result.get().out, "hold\n");
  EXPECT_EQ(run({"ssh", "-o", "ControlPath=" + control, "-p", port(), "git@127.0.0.1", "after"}).out,
            "after\n");
  run({"ssh", "-o", "ControlPath=" + control, "-O", "exit", "git@127.0.0.1"});
  server_.reset();  // before what its threads use
}

TEST_F(SessionTest, MovesALotOnSeveralChannelsAtOnce) {
  constexpr std::size_t kEach = 3u << 20;
  handler_.onCommand = [](const std::vector<std::string>&, CommandStreams& streams, const std::stop_token&) {
    const std::string piece(3u << 10, 'x');
    for (std::size_t sent = 0; sent < kEach; sent += piece.size())
      streams.out().write(piece);
    return 0;
  };
  start();
  const std::string control = startMaster();
  std::vector<std::future<base::CommandOutput>> results;
  for (int i = 0; i < 8; ++i) {
    results.push_back(std::async(std::launch::async, [&] {
      return run({"ssh", "-o", "ControlPath=" + control, "-p", port(), "git@127.0.0.1", "much"});
    }));
  }
  const auto begin = std::chrono::steady_clock::now();
  for (auto& result : results)
    EXPECT_EQ(result.get().out.size(), kEach);
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(20));
  run({"ssh", "-o", "ControlPath=" + control, "-O", "exit", "git@127.0.0.1"});
}

TEST_F(SessionTest, HangsUpOnWhatIsNotSsh) {
  start([](SshServerConfig& config) { config.loginGrace = std::chrono::seconds(1); });
  for (const std::string& text :
       {std::string("GET / HTTP/1.1\r\nHost: x\r\n\r\n"), std::string("hello\n"),
        std::string(100'000, '\xff'), std::string("SSH-2.0-x\r\n") + std::string(5000, '\0'),
        std::string("SSH-1.5-old\r\n")}) {
    const base::Fd socket = connectPlain();
    ::send(socket.get(), text.data(), text.size(), MSG_NOSIGNAL);
    readToEnd(socket);  // comes to an end, or this test does not
  }
  // Says nothing at all.
  EXPECT_THAT(readToEnd(connectPlain()), ::testing::StartsWith("SSH-2.0-"));
  EXPECT_EQ(ssh({"apps"}).out, "hello alice\n");
}

TEST_F(SessionTest, LetsPeopleInWhileStrangersHoldTheDoor) {
  start([](SshServerConfig& config) {
    config.maxUnauthenticated = 4;
    config.loginGrace = std::chrono::seconds(2);
  });
  std::vector<base::Fd> strangers;
  for (int i = 0; i < 4; ++i)
    strangers.push_back(connectPlain());
  EXPECT_EQ(ssh({"apps"}).out, "hello alice\n");
}

TEST_F(SessionTest, QueuesConnectionsOverTheLimit) {
  start([](SshServerConfig& config) { config.maxConnections = 2; });
  std::vector<std::future<base::CommandOutput>> results;
  for (int i = 0; i < 6; ++i)
    results.push_back(std::async(std::launch::async, [&] { return ssh({"apps"}); }));
  for (auto& result : results)
    EXPECT_EQ(result.get().out, "hello alice\n");
}

TEST_F(SessionTest, StopWaitsForWhatIsUnderWayAndThenEndsIt) {
  std::atomic<int> stopped{0};
  std::atomic<bool> running{false};
  handler_.onCommand = [&](const std::vector<std::string>&, CommandStreams&, const std::stop_token& stop) {
    running = true;
    while (!stop.stop_requested())
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    ++stopped;
    return 0;
  };
  start();
  auto waiting = std::async(std::launch::async, [&] { return ssh({"logs", "--tail"}); });
  ASSERT_TRUE(eventually([&] { return running.load(); }));
  const auto begin = std::chrono::steady_clock::now();
  server_->stop(std::chrono::milliseconds(300));
  EXPECT_GE(std::chrono::steady_clock::now() - begin, std::chrono::milliseconds(300));
  EXPECT_EQ(stopped, 1);
  waiting.get();
}

TEST_F(SessionTest, HangsUpOnTheIdleButNotOnTheSilent) {
  handler_.onCommand = [](const std::vector<std::string>&, CommandStreams& streams, const std::stop_token&) {
    std::this_thread::sleep_for(std::chrono::milliseconds(2500));
    streams.out().write("done\n");
    return 0;
  };
  start([](SshServerConfig& config) { config.idleTimeout = std::chrono::seconds(1); });
  // Its ssh answers when asked whether it is there.
  EXPECT_EQ(ssh({"long"}).out, "done\n");
  auto idle = sshCommand("alice");
  idle.insert(idle.end(), {"-N", "-p", port(), "git@127.0.0.1"});
  EXPECT_EQ(run(idle).status.code, 255);
}

TEST_F(SessionTest, KeepsItsHostKey) {
  start();
  const std::string fingerprint = server_->hostKeyFingerprints().at(0);
  EXPECT_EQ(std::filesystem::status(config_.hostKeyFile).permissions(),
            std::filesystem::perms::owner_read | std::filesystem::perms::owner_write);
  EXPECT_THAT(base::mustRun({"ssh-keygen", "-l", "-f", config_.hostKeyFile}), HasSubstr(fingerprint));
  server_.reset();
  start();
  EXPECT_EQ(server_->hostKeyFingerprints().at(0), fingerprint);
}

}  // namespace
}  // namespace gitd::testing
