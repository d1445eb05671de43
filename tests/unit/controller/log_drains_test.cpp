#include "controller/log_drains.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <condition_variable>
#include <filesystem>
#include <fstream>
#include <thread>

#include "base/error.h"
#include "tests/unit/controller/controller_test.h"

namespace controller {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::Not;

/// A receiver that takes, refuses, or lets wait.
class Receiver {
 public:
  enum class Mode { takes, refuses, hangs };
  void become(Mode mode) {
    const std::lock_guard lock(mutex_);
    mode_ = mode;
    changed_.notify_all();
  }
  void take(const std::vector<runner::LogLine>& lines) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return mode_ != Mode::hangs; });
    if (mode_ == Mode::refuses) throw base::Error(base::Errc::unavailable, "no");
    for (const runner::LogLine& line : lines)
      texts_.push_back(line.text);
    changed_.notify_all();
  }
  bool waitFor(const std::string& text) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, std::chrono::seconds(20), [&] {
      return std::any_of(texts_.begin(), texts_.end(),
                         [&](const std::string& each) { return each.find(text) != std::string::npos; });
    });
  }
  std::vector<std::string> texts() {
    const std::lock_guard lock(mutex_);
    return texts_;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  Mode mode_ = Mode::takes;
  std::vector<std::string> texts_;
};

class Connection : public DrainConnection {
 public:
  explicit Connection(Receiver& receiver) : receiver_(receiver) {}
  void send(const std::vector<runner::LogLine>& lines) override { receiver_.take(lines); }

 private:
  Receiver& receiver_;
};

class LogDrainsTest : public ControllerTest {
 protected:
  store::Drain addDrain() { return store::DrainStore(store_).add(app_.id, "syslog://a.b:514", 10); }
  std::unique_ptr<LogDrains> drains(std::size_t maxLines = 1000) {
    return std::make_unique<LogDrains>(
        LogDrainsConfig{.queueMaxLines = maxLines,
                        .batchWait = std::chrono::milliseconds(1),
                        .retryFirst = std::chrono::milliseconds(5),
                        .retryLast = std::chrono::milliseconds(20)},
        store_, log_, [this](const store::Drain&) { return std::make_unique<Connection>(receiver_); });
  }
  /// Until it follows: what was there before is not sent.
  void say(const std::string& text) { log_.append(app_.name, "test", text); }
  void awaitFollower() {
    for (int i = 0; i < 400 && !receiver_.waitForSoon("warm up"); ++i)
      say("warm up");
  }

  const store::App app_ = store_.createApp({store::AppName::parse("hello"), "debian-12", "ada"});
  struct PatientReceiver : Receiver {
    bool waitForSoon(const std::string& text) {
      std::this_thread::sleep_for(std::chrono::milliseconds(50));
      for (const std::string& each : texts())
        if (each.find(text) != std::string::npos) return true;
      return false;
    }
  } receiver_;
};

TEST_F(LogDrainsTest, SendsWhatIsWritten) {
  const store::Drain drain = addDrain();
  const auto drains = this->drains();
  awaitFollower();
  say("first");
  say("second");
  ASSERT_TRUE(receiver_.waitFor("second"));
  EXPECT_TRUE(receiver_.waitFor("first"));
  EXPECT_EQ(drains->status(drain.id).dropped, 0u);
}

TEST_F(LogDrainsTest, OutlivesALogThatCannotBeWritten) {
  const store::Drain drain = addDrain();
  const auto drains = this->drains();
  awaitFollower();
  const auto platform = log_.processLogFile(app_.name, "fairlead");
  std::filesystem::remove(platform);
  // As a full disk: nothing can be appended.
  std::filesystem::create_symlink(platform.parent_path() / "nowhere/log", platform);
  receiver_.become(Receiver::Mode::refuses);
  std::ofstream(log_.processLogFile(app_.name, "web.1"))
      << "2026-01-02T03:04:05.000000000+00:00 stdout F kept\n";
  for (int i = 0; i < 400 && drains->status(drain.id).failure.empty(); ++i)
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  EXPECT_EQ(drains->status(drain.id).failure, "no");
  receiver_.become(Receiver::Mode::takes);
  EXPECT_TRUE(receiver_.waitFor("kept"));
}

TEST_F(LogDrainsTest, SendsAgainWhatWasRefusedAndTells) {
  const store::Drain drain = addDrain();
  const auto drains = this->drains();
  awaitFollower();
  receiver_.become(Receiver::Mode::refuses);
  say("kept");
  for (int i = 0; i < 400 && drains->status(drain.id).failure.empty(); ++i)
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  EXPECT_EQ(drains->status(drain.id).failure, "no");
  receiver_.become(Receiver::Mode::takes);
  EXPECT_TRUE(receiver_.waitFor("kept"));
  EXPECT_TRUE(receiver_.waitFor("lines cannot be sent"));
}

TEST_F(LogDrainsTest, DropsTheOldestOfASlowOneCountsAndTells) {
  const store::Drain drain = addDrain();
  const auto drains = this->drains(10);
  awaitFollower();
  receiver_.become(Receiver::Mode::hangs);
  for (int i = 0; i < 100; ++i)
    say("line " + std::to_string(i));
  for (int i = 0; i < 400 && drains->status(drain.id).dropped < 80; ++i)
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  EXPECT_GE(drains->status(drain.id).dropped, 80u);
  receiver_.become(Receiver::Mode::takes);
  EXPECT_TRUE(receiver_.waitFor("line 99"));
  EXPECT_TRUE(receiver_.waitFor("lines were dropped"));
}

TEST_F(LogDrainsTest, FollowsTheDatabase) {
  const auto drains = this->drains();
  const store::Drain drain = addDrain();
  drains->refresh();
  awaitFollower();
  store::DrainStore(store_).remove(drain.id);
  drains->refresh();
  say("after it was removed");
  std::this_thread::sleep_for(std::chrono::milliseconds(300));
  EXPECT_THAT(receiver_.texts(), Not(Contains(HasSubstr("after it was removed"))));
}

}  // namespace
}  // namespace controller
