#include "controller/log_drains.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <condition_variable>
#include <filesystem>
#include <fstream>

#include "base/error.h"
#include "tests/unit/controller/controller_test.h"

namespace controller {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
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

constexpr std::chrono::seconds kDeadline{20};

class LogDrainsTest : public ControllerTest {
 protected:
  store::Drain addDrain(const std::string& url = "syslog://a.b:514") {
    return store::DrainStore(store_).add(app_.id, url, 100);
  }
  std::unique_ptr<LogDrains> drains(std::size_t maxLines = 1000) {
    return std::make_unique<LogDrains>(
        LogDrainsConfig{.queueMaxLines = maxLines,
                        .batchWait = std::chrono::milliseconds(1),
                        .retryFirst = std::chrono::milliseconds(5),
                        .retryLast = std::chrono::milliseconds(20)},
        store_, log_, [this](const store::Drain& drain) {
          return std::make_unique<Connection>(drain.url.find("other") == std::string::npos ? receiver_
                                                                                           : other_);
        });
  }
  void say(const std::string& text) { log_.append(app_.name, "test", text); }
  /// Until lines could not be sent.
  static bool awaitFailure(const LogDrains& drains, const store::Drain& drain) {
    return drains.await(
        drain.id, [](const DrainStatus& status) { return status.failure == "no"; }, kDeadline);
  }

  const store::App app_ = store_.createApp({store::AppName::parse("hello"), "debian-12", "ada"});
  Receiver receiver_;
  Receiver other_;  // of drains whose URL has "other" in it
};

TEST_F(LogDrainsTest, SendsWhatIsWritten) {
  const store::Drain drain = addDrain();
  const auto drains = this->drains();
  say("first");
  say("second");
  ASSERT_TRUE(receiver_.waitFor("second"));
  EXPECT_TRUE(receiver_.waitFor("first"));
  EXPECT_EQ(drains->status(drain.id).dropped, 0u);
}

TEST_F(LogDrainsTest, HasEveryLineFromTheMomentThatItIsThere) {
  const auto drains = this->drains();
  for (int i = 0; i < 30; ++i) {
    const std::string number = std::to_string(i);
    say("before " + number + ".");
    const store::Drain drain = addDrain("syslog://a.b:" + std::to_string(1000 + i));
    drains->refresh();
    say("after " + number + ".");
    ASSERT_TRUE(receiver_.waitFor("after " + number + ".")) << "a drain has missed the line behind it";
    EXPECT_THAT(receiver_.texts(), Not(Contains(HasSubstr("before " + number + "."))));
    store::DrainStore(store_).remove(drain.id);
    drains->refresh();
  }
}

TEST_F(LogDrainsTest, GoesOnWhereItWasWhenTheAppGetsAnotherName) {
  const store::Drain drain = addDrain();
  const auto drains = this->drains();
  receiver_.become(Receiver::Mode::refuses);
  say("waits");
  // What the drain itself says of the failure is written under the old name, too.
  ASSERT_TRUE(drains->await(
      drain.id, [](const DrainStatus& status) { return status.failure == "no" && status.waiting == 1; },
      kDeadline));
  const store::AppName name = store::AppName::parse("renamed");
  say("under the old name");
  log_.beginRename(app_.name, name);
  log_.append(name, "test", "under the new name");
  store_.renameApp(app_.id, name);
  drains->refresh();
  log_.endRename(app_.name, name);
  log_.append(name, "test", "at last");
  receiver_.become(Receiver::Mode::takes);
  ASSERT_TRUE(receiver_.waitFor("at last"));
  std::vector<std::string> said = receiver_.texts();
  std::erase_if(said,
                [](const std::string& text) { return text.find("cannot be sent") != std::string::npos; });
  EXPECT_THAT(said, ElementsAre("waits", "under the old name", "under the new name", "at last"));
}

TEST_F(LogDrainsTest, OutlivesALogThatCannotBeWritten) {
  const store::Drain drain = addDrain();
  const auto drains = this->drains();
  const auto spool = log_.spoolFile(app_.name, "web.1", "c");
  // As a full disk: nothing can be stored.
  const auto inTheWay = spool.parent_path() / "stream";
  std::ofstream(inTheWay.string()) << "x";
  std::ofstream(spool) << "2026-01-02T03:04:05.000000000+00:00 stdout F kept\n";
  EXPECT_THROW(say("cannot be written"), std::exception);
  receiver_.become(Receiver::Mode::refuses);
  std::filesystem::remove(inTheWay);
  EXPECT_TRUE(awaitFailure(*drains, drain));
  receiver_.become(Receiver::Mode::takes);
  EXPECT_TRUE(receiver_.waitFor("kept"));
}

TEST_F(LogDrainsTest, SendsAgainWhatWasRefusedAndTells) {
  const store::Drain drain = addDrain();
  const auto drains = this->drains();
  receiver_.become(Receiver::Mode::refuses);
  say("kept");
  EXPECT_TRUE(awaitFailure(*drains, drain));
  receiver_.become(Receiver::Mode::takes);
  EXPECT_TRUE(receiver_.waitFor("kept"));
  EXPECT_TRUE(receiver_.waitFor("lines cannot be sent"));
}

TEST_F(LogDrainsTest, DropsTheOldestOfASlowOneCountsAndTells) {
  const store::Drain drain = addDrain();
  const auto drains = this->drains(10);
  receiver_.become(Receiver::Mode::hangs);
  for (int i = 0; i < 100; ++i)
    say("line " + std::to_string(i));
  EXPECT_TRUE(drains->await(
      drain.id, [](const DrainStatus& status) { return status.dropped >= 80; }, kDeadline));
  receiver_.become(Receiver::Mode::takes);
  EXPECT_TRUE(receiver_.waitFor("line 99"));
  EXPECT_TRUE(receiver_.waitFor("lines were dropped"));
}

TEST_F(LogDrainsTest, FollowsTheDatabase) {
  const auto drains = this->drains();
  const store::Drain drain = addDrain();
  addDrain("syslog://other:514");
  drains->refresh();
  say("to both");
  ASSERT_TRUE(receiver_.waitFor("to both"));
  ASSERT_TRUE(other_.waitFor("to both"));
  store::DrainStore(store_).remove(drain.id);
  drains->refresh();
  say("to the other");
  ASSERT_TRUE(other_.waitFor("to the other"));
  EXPECT_THAT(receiver_.texts(), Not(Contains(HasSubstr("to the other"))));
  EXPECT_FALSE(drains->await(
      drain.id, [](const DrainStatus&) { return true; }, kDeadline));
}

}  // namespace
}  // namespace controller
