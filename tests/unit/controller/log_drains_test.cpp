#include "controller/log_drains.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <condition_variable>
#include <filesystem>
#include <fstream>
#include <random>
#include <thread>

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
  std::unique_ptr<LogDrains> drains() { return drains(log_); }
  std::unique_ptr<LogDrains> drains(runner::AppLog& log) {
    return std::make_unique<LogDrains>(
        LogDrainsConfig{.batchWait = std::chrono::milliseconds(1),
                        .lookEvery = std::chrono::milliseconds(2),
                        .keepEvery = std::chrono::milliseconds(1),
                        .retryFirst = std::chrono::milliseconds(5),
                        .retryLast = std::chrono::milliseconds(20)},
        store_, log, [this](const store::Drain& drain) {
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
  // What the drain itself says of the failure is written under the old name, too, and waits like the line.
  ASSERT_TRUE(drains->await(
      drain.id, [](const DrainStatus& status) { return status.failure == "no" && status.waiting == 2; },
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

TEST_F(LogDrainsTest, ASlowOneGetsWhatTheLogHolds) {
  const store::Drain drain = addDrain();
  const auto drains = this->drains();
  receiver_.become(Receiver::Mode::hangs);
  constexpr int kLines = 2'000;
  for (int i = 0; i < kLines; ++i)
    say(std::to_string(i));
  receiver_.become(Receiver::Mode::takes);
  ASSERT_TRUE(receiver_.waitFor(std::to_string(kLines - 1)));
  const auto texts = receiver_.texts();
  ASSERT_EQ(texts.size(), static_cast<std::size_t>(kLines));
  for (int i = 0; i < kLines; ++i)
    EXPECT_EQ(texts[static_cast<std::size_t>(i)], std::to_string(i));
  EXPECT_EQ(drains->status(drain.id).dropped, 0u);
}

TEST_F(LogDrainsTest, WhatTheLogHoldsNoLongerIsCountedAndTold) {
  const store::Drain drain = addDrain();
  runner::AppLog small(folder_.appLogs(), clock_, {.maxBytes = 256u << 10});
  const auto write = [&](int from, int to) {
    std::mt19937_64 random(static_cast<std::uint64_t>(from));
    for (int i = from; i < to; ++i) {
      std::string noise;  // which does not compress
      while (noise.size() < 4'000)
        noise += std::to_string(random());
      small.append(app_.name, "test", "line " + std::to_string(i) + ": " + noise);
    }
    small.trim(app_.name);
  };
  {
    const auto drains = this->drains(small);
    write(0, 10);
    ASSERT_TRUE(receiver_.waitFor("line 9:"));
  }
  write(10, 300);
  const std::uint64_t oldest = small.read(app_.name, {.lines = 100'000}).front().number;
  ASSERT_GT(oldest, 11u);
  const auto drains = this->drains(small);
  ASSERT_TRUE(receiver_.waitFor("line 299:"));
  EXPECT_TRUE(receiver_.waitFor(std::to_string(oldest - 11) + " lines were dropped"));
  EXPECT_EQ(drains->status(drain.id).dropped, oldest - 11);
}

TEST_F(LogDrainsTest, GoesOnWhereItWasBeforeARestart) {
  const store::Drain drain = addDrain();
  auto drains = this->drains();
  say("sent");
  ASSERT_TRUE(receiver_.waitFor("sent"));
  receiver_.become(Receiver::Mode::refuses);
  say("refused");
  ASSERT_TRUE(awaitFailure(*drains, drain));
  drains.reset();
  say("while there was nobody");
  receiver_.become(Receiver::Mode::takes);
  drains = this->drains();
  say("later");
  ASSERT_TRUE(receiver_.waitFor("later"));
  EXPECT_THAT(receiver_.texts(),
              ElementsAre("sent", "refused", HasSubstr("cannot be sent"), "while there was nobody", "later"));
}

TEST_F(LogDrainsTest, WhereItIsIsWrittenDownWhileItRuns) {
  const store::Drain drain = addDrain();
  say("before it");
  const auto drains = this->drains();
  // At once for a new one: its beginning must not be a later one after a kill.
  EXPECT_EQ(store::DrainStore(store_).marks().at(drain.id), 1u);
  say("second");
  say("third");
  ASSERT_TRUE(drains->await(
      drain.id, [](const DrainStatus& status) { return status.sent == 2; }, kDeadline));
  const auto deadline = std::chrono::steady_clock::now() + kDeadline;
  while (store::DrainStore(store_).marks().at(drain.id) != 3 && std::chrono::steady_clock::now() < deadline)
    std::this_thread::yield();
  EXPECT_EQ(store::DrainStore(store_).marks().at(drain.id), 3u);
}

TEST_F(LogDrainsTest, GoesOnAtTheEndOfALogThatIsShorterThanWhatItSent) {
  const store::Drain drain = addDrain();
  say("of a log that a restore did not bring back");
  store::DrainStore(store_).keepMarks({{drain.id, 1'000}});
  const auto drains = this->drains();
  say("of the new one");
  ASSERT_TRUE(receiver_.waitFor("of the new one"));
  EXPECT_THAT(receiver_.texts(), ElementsAre("of the new one"));
  EXPECT_EQ(drains->status(drain.id).dropped, 0u);
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
