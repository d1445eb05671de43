// What the end of the server, and of the network, means for those who are connected.
#include <fcntl.h>
#include <gmock/gmock.h>

#include <future>
#include <thread>

#include "tests/unit/gitd/server_fixture.h"

namespace gitd::testing {
namespace {

using ::testing::HasSubstr;
using namespace std::chrono_literals;

class DrainTest : public ServerTest {
 protected:
  void begin(const std::function<void(SshServerConfig&)>& adjust = {}) {
    handler_.onPush = [this](const PushRequest& request, base::ByteSink& output,
                             const std::stop_token& gone) {
      output.write("-----> building\n");
      building_ = true;
      while (!released_ && !gone.stop_requested())
        std::this_thread::sleep_for(1ms);
      cancelled_ = !released_;
      return released_ ? ScriptedPushHandler::accept(request) : PushOutcome{false, "cancelled"};
    };
    start(adjust);
    repository_ = makeRepository("hello");
    work_ = makeWorkTree("work", "hello");
  }
  std::future<base::CommandOutput> startPush() {
    auto push = std::async(std::launch::async, [this] { return git(work_, {"push", "fairlead", "main"}); });
    EXPECT_TRUE(eventually([&] { return building_.load(); }));
    return push;
  }

  /// A push whose client answers nothing any more, as after the loss of its network; until the server gave
  /// it up.
  base::ChildProcess startLostPush() {
    const base::Fd nowhere = base::openFile("/dev/null", O_WRONLY);
    auto push = spawnGit(work_, {"push", "fairlead", "main"}, nowhere);
    EXPECT_TRUE(eventually([&] { return building_.load(); }));
    push.signalGroup(SIGSTOP);
    std::this_thread::sleep_for(kLost);
    return push;
  }

  static constexpr std::chrono::milliseconds kKeepalive{150};
  static constexpr std::chrono::milliseconds kLost = 8 * kKeepalive;  // four without an answer, and some
  std::atomic<bool> building_{false};
  std::atomic<bool> cancelled_{false};
  std::atomic<bool> released_{false};
  std::filesystem::path repository_;
  std::filesystem::path work_;
};

TEST_F(DrainTest, APushUnderWayFinishesWhileTheServerStops) {
  begin();
  auto push = startPush();
  const std::string closedPort = port();
  auto stopping = std::async(std::launch::async, [&] { server_->stop(20s); });
  EXPECT_TRUE(eventually([&] {
    return run({"ssh-keyscan", "-T", "1", "-p", closedPort, "127.0.0.1"}).out.empty();
  })) << "the port is still open";
  EXPECT_EQ(stopping.wait_for(0s), std::future_status::timeout);
  released_ = true;
  EXPECT_EQ(push.get().status.code, 0);
  stopping.get();
  EXPECT_TRUE(readRef(repository_, "refs/heads/main"));
}

TEST_F(DrainTest, APushThatTakesTooLongIsTold) {
  begin();
  auto push = startPush();
  server_->stop(300ms);
  const auto result = push.get();
  EXPECT_NE(result.status.code, 0);
  EXPECT_THAT(result.err,
              HasSubstr("remote: fairlead: the server is shutting down and this was not finished in "
                        "time (setting ssh_drain_s): try again in a moment"));
  EXPECT_FALSE(readRef(repository_, "refs/heads/main"));
  EXPECT_TRUE(quarantineIsEmpty(repository_));
}

TEST_F(DrainTest, APushGoesOnWhenItsClientIsLost) {
  begin([](SshServerConfig& config) { config.keepalive = kKeepalive; });
  auto push = startLostPush();
  EXPECT_FALSE(cancelled_);
  released_ = true;
  EXPECT_TRUE(eventually([&] { return readRef(repository_, "refs/heads/main").has_value(); }));
  push.signalGroup(SIGKILL);
}

TEST_F(DrainTest, ALostPushDoesNotKeepTheServerFromStopping) {
  begin([](SshServerConfig& config) { config.keepalive = kKeepalive; });
  auto push = startLostPush();
  server_->stop(100ms);
  EXPECT_TRUE(cancelled_);
  EXPECT_FALSE(readRef(repository_, "refs/heads/main"));
  push.signalGroup(SIGKILL);
}

TEST_F(DrainTest, IdleConnectionsAreEndedAtOnce) {
  begin();
  auto argv = sshCommand("alice");
  argv.insert(argv.end(), {"-N", "-p", port(), "git@127.0.0.1"});
  auto idle = std::async(std::launch::async, [&] { return run(argv); });
  base::Counter& logins = metrics_.counter({"fairlead_ssh_logins_total", "", {{"result", "accepted"}}});
  ASSERT_TRUE(eventually([&] { return logins.value() == 1; }));
  const auto asked = std::chrono::steady_clock::now();
  server_->stop(20s);
  EXPECT_LT(std::chrono::steady_clock::now() - asked, 5s);
  EXPECT_THAT(idle.get().err, HasSubstr("fairlead: the server is shutting down: try again in a moment"));
}

}  // namespace
}  // namespace gitd::testing
