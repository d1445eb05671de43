#include <gmock/gmock.h>

#include <csignal>
#include <fstream>
#include <thread>

#include "git/pkt_line.h"
#include "tests/unit/gitd/server_fixture.h"

namespace gitd::testing {
namespace {

using Clock = std::chrono::steady_clock;

std::size_t residentBytes() {
  std::ifstream status("/proc/self/statm");
  std::size_t total = 0;
  std::size_t resident = 0;
  status >> total >> resident;
  return resident * 4096;
}

/// A build that runs until it is told to stop.
class DisconnectTest : public ServerTest {
 protected:
  void holdPushes() {
    handler_.onPush = [this](const PushRequest&, base::ByteSink& output, const std::stop_token& gone) {
      output.write("-----> building\n");
      building_ = true;
      while (!gone.stop_requested()) {
        if (chatty_) output.write("0123456789012345678901234567890123456789012345678901234567890123456789\n");
        written_ += 71;
        if (!chatty_) std::this_thread::sleep_for(std::chrono::milliseconds(2));
      }
      stoppedAt_ = Clock::now();
      building_ = false;
      stopped_ = true;
      return PushOutcome{false, "cancelled"};
    };
  }

  base::ChildProcess startPush() {
    auto push = spawnGit(work_, {"push", "fairlead", "main"}, nowhere_);
    EXPECT_TRUE(eventually([&] { return building_.load(); }));
    return push;
  }

  void begin() {
    start();
    repository_ = makeRepository("hello");
    work_ = makeWorkTree("work", "hello");
  }

  void expectStoppedSince(Clock::time_point asked) {
    ASSERT_TRUE(eventually([&] { return stopped_.load(); }));
    EXPECT_LT(stoppedAt_ - asked, std::chrono::seconds(1));
    EXPECT_TRUE(eventually([&] { return quarantineIsEmpty(repository_); }));
    EXPECT_FALSE(readRef(repository_, "refs/heads/main"));
  }

  std::atomic<bool> building_{false};
  std::atomic<bool> stopped_{false};
  std::atomic<bool> chatty_{false};
  std::atomic<std::uint64_t> written_{0};
  Clock::time_point stoppedAt_;
  std::filesystem::path repository_;
  std::filesystem::path work_;
  base::Fd nowhere_ = base::openFile("/dev/null", 1);
};

TEST_F(DisconnectTest, InterruptStopsTheBuild) {
  holdPushes();
  begin();
  auto push = startPush();
  const auto asked = Clock::now();
  push.signalGroup(SIGINT);
  expectStoppedSince(asked);
}

TEST_F(DisconnectTest, KilledClientStopsTheBuild) {
  holdPushes();
  begin();
  auto push = startPush();
  const auto asked = Clock::now();
  push.signalGroup(SIGKILL);
  expectStoppedSince(asked);
}

TEST_F(DisconnectTest, InterruptOfGitAloneStopsTheBuildToo) {
  holdPushes();
  begin();
  auto push = startPush();
  const auto asked = Clock::now();
  // git's ssh lives on for a moment, with nobody at its other end.
  ::kill(push.pid(), SIGINT);
  expectStoppedSince(asked);
}

TEST_F(DisconnectTest, ChattyBuildOfAFrozenClientStaysBounded) {
  chatty_ = true;
  holdPushes();
  begin();
  auto push = startPush();
  push.signalGroup(SIGSTOP);
  // Runs into the closed window and blocks there.
  std::uint64_t before = 0;
  ASSERT_TRUE(eventually(
      [&] {
        const std::uint64_t now = written_;
        const bool still = now == before && now > 0;
        before = now;
        std::this_thread::sleep_for(std::chrono::milliseconds(100));
        return still;
      },
      std::chrono::seconds(20)));
  const std::size_t resident = residentBytes();
  std::this_thread::sleep_for(std::chrono::milliseconds(300));
  EXPECT_LT(residentBytes(), resident + (8u << 20));
  // Wakes up and gets on with it.
  push.signalGroup(SIGCONT);
  EXPECT_TRUE(eventually([&] { return written_ > before + 1'000'000; }));
  const auto asked = Clock::now();
  push.signalGroup(SIGKILL);
  expectStoppedSince(asked);
}

/// The commands of a push and the first half of its pack.
std::string halfAPush() {
  std::string line = std::string(40, '0') + " " + std::string(40, '1') + " refs/heads/main";
  line.append(1, '\0').append(" report-status side-band-64k");
  std::string bytes = git::pktLine(line).append(git::kFlushPkt);
  bytes.append("PACK").append({0, 0, 0, 2, 0, 0, 0, 2});
  // A blob of three bytes, and the header of the one that never comes.
  bytes.append("\x33\x78\x9c\x4b\x4c\x4a\x06\x00\x02\x4d\x01\x27\x33");
  return bytes;
}

TEST_F(DisconnectTest, ClientKilledInMidPackLeavesNothing) {
  begin();
  auto [readEnd, writeEnd] = base::makePipe();
  base::ChildSpec spec;
  spec.argv = sshCommand("alice");
  spec.argv.insert(spec.argv.end(), {"-p", port(), "git@127.0.0.1", "git-receive-pack hello"});
  spec.fds = {{&readEnd, 0}};
  auto client = base::ChildProcess::spawn(spec);
  base::writeAll(writeEnd, halfAPush());
  ASSERT_TRUE(eventually([&] { return !quarantineIsEmpty(repository_); }));
  client.signalGroup(SIGKILL);
  EXPECT_TRUE(eventually([&] { return quarantineIsEmpty(repository_); }));
  EXPECT_EQ(handler_.pushes, 0);
}

TEST_F(DisconnectTest, PackThatEndsEarlyIsReported) {
  begin();
  base::CommandOptions options;
  options.input = halfAPush();
  auto argv = sshCommand("alice");
  argv.insert(argv.end(), {"-p", port(), "git@127.0.0.1", "git-receive-pack hello"});
  const auto result = base::runCommand(argv, options);
  EXPECT_EQ(result.status.code, 0);
  EXPECT_THAT(result.out, ::testing::HasSubstr("unpack the pack ended early"));
  EXPECT_THAT(result.out, ::testing::HasSubstr("ng refs/heads/main unpacker error"));
  EXPECT_TRUE(quarantineIsEmpty(repository_));
}

}  // namespace
}  // namespace gitd::testing
