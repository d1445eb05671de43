#include "runner/app_log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <condition_variable>
#include <fstream>
#include <mutex>
#include <stdexcept>
#include <stop_token>
#include <thread>
#include <utility>

#include "runner/detail/cri_log.h"
#include "tests/support/fake_clock.h"
#include "tests/support/temp_folder.h"

namespace runner {
namespace {

using testing::ElementsAre;

std::vector<std::string> texts(const std::vector<LogLine>& lines) {
  std::vector<std::string> found;
  for (const LogLine& line : lines)
    found.push_back(line.text);
  return found;
}

class AppLogTest : public testing::Test {
 protected:
  /// The file of a process's only container.
  std::filesystem::path spool(const std::string& process) { return log_.spoolFile(app_, process, "c"); }
  /// Appends to it as conmon does; `second` is the time.
  void add(const std::string& process, int second, const std::string& text,
           const std::string& tag = "stdout F") {
    std::ofstream out(spool(process), std::ios::app);
    out << "2026-01-31T13:00:" << (second < 10 ? "0" : "") << second << ".123456789+01:00 " << tag << " "
        << text << "\n";
  }

  testing_support::TempFolder folder_;
  test::FakeClock clock_;
  AppLog log_{folder_.path(), clock_};
  store::AppName app_ = store::AppName::parse("hello");
};

TEST_F(AppLogTest, MergesFilesByTimeAndKeepsTheLast) {
  add("web.1", 1, "one");
  add("web.2", 2, "two");
  add("web.1", 3, "three");
  EXPECT_THAT(texts(log_.read(app_, {})), ElementsAre("one", "two", "three"));
  EXPECT_THAT(texts(log_.read(app_, {.lines = 2})), ElementsAre("two", "three"));
  EXPECT_THAT(texts(log_.read(app_, {.lines = 0})), ElementsAre());
  EXPECT_THAT(texts(log_.read(store::AppName::parse("unknown"), {})), ElementsAre());
}

TEST_F(AppLogTest, ShowsTimeInUtcWithSourceAndProcess) {
  add("web.1", 1, "hello");
  log_.append(app_, "deploy", "v3 released\nby ada");
  const auto lines = log_.read(app_, {});
  ASSERT_EQ(lines.size(), 3u);
  EXPECT_EQ(lines[0].format(), "2026-01-31T12:00:00.000000+00:00 fairlead[deploy]: v3 released");
  EXPECT_EQ(lines[1].format(), "2026-01-31T12:00:00.000000+00:00 fairlead[deploy]: by ada");
  EXPECT_EQ(lines[2].format(), "2026-01-31T12:00:01.123456+00:00 app[web.1]: hello");
}

TEST_F(AppLogTest, SelectsByProcessTypeAndSource) {
  add("web.1", 1, "a");
  add("web.2", 2, "b");
  add("webs.1", 3, "c");
  log_.append(app_, "runner", "d");
  log_.append(app_, "deploy", "e");
  EXPECT_THAT(texts(log_.read(app_, {.process = "web"})), ElementsAre("a", "b"));
  EXPECT_THAT(texts(log_.read(app_, {.process = "web.2"})), ElementsAre("b"));
  EXPECT_THAT(texts(log_.read(app_, {.process = "runner"})), ElementsAre("d"));
  EXPECT_THAT(texts(log_.read(app_, {.lines = 1, .process = "runner"})), ElementsAre("d"));
  EXPECT_THAT(texts(log_.read(app_, {.source = "fairlead"})), ElementsAre("d", "e"));
  EXPECT_THAT(texts(log_.read(app_, {.source = "app"})), ElementsAre("a", "b", "c"));
}

TEST_F(AppLogTest, JoinsPartialLinesOfEachStream) {
  add("web.1", 1, "long ", "stdout P");
  add("web.1", 2, "problem", "stderr F");
  add("web.1", 3, "line", "stdout F");
  add("web.1", 4, "", "stdout F");
  EXPECT_THAT(texts(log_.read(app_, {})), ElementsAre("long line", "problem", ""));
}

TEST_F(AppLogTest, SkipsWhatIsNoLogLine) {
  std::ofstream(spool("web.1"))
      << "half of a line\n\n2026-99-31T12:00:00Z stdout F x\n2026-01-31T12:00:00Z stdout Q x\n"
      << "2026-01-31T12:00:00Z stdout F good\n2026-01-31T12:00:00Z stdout F unfinished";
  EXPECT_THAT(texts(log_.read(app_, {})), ElementsAre("good"));
}

TEST_F(AppLogTest, ReadsTheEndOfALongFile) {
  {
    std::ofstream out(spool("web.1"));
    for (int i = 0; i < 200'000; ++i)
      out << "2026-01-31T12:00:00.000000000+00:00 stdout F line " << i << "\n";
  }
  EXPECT_THAT(texts(log_.read(app_, {.lines = 2})), ElementsAre("line 199998", "line 199999"));
  EXPECT_EQ(log_.read(app_, {.lines = 5000}).front().text, "line 195000");
}

TEST_F(AppLogTest, MakesControlCharactersVisible) {
  const auto shown = [](const std::string& text) { return detail::printableLine(text); };
  EXPECT_EQ(shown("a\tb\r"), "a\tb");
  EXPECT_EQ(shown("\x1b[1;31mred\x1b[0m"), "\x1b[1;31mred\x1b[0m");
  EXPECT_EQ(shown("\x1b]0;title\x07"), "^[]0;title^G");
  EXPECT_EQ(shown("\x1b[2J\x1b[1"), "^[[2J^[[1");
  EXPECT_EQ(shown("gr\xc3\xbc\xc3\x9f\x65 \xf0\x9f\x9a\xa2"), "gr\xc3\xbc\xc3\x9f\x65 \xf0\x9f\x9a\xa2");
  EXPECT_EQ(shown("bad \xff\xc3"), "bad \xef\xbf\xbd\xef\xbf\xbd");
  EXPECT_EQ(shown("\xc2\x9b"
                  "2J \xed\xa0\x80 \xc0\xaf"),
            "\xef\xbf\xbd"
            "2J \xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd \xef\xbf\xbd\xef\xbf\xbd");
  EXPECT_EQ(shown("\x7f"), "^?");
}

/// Follows on a thread of its own.
class Follower {
 public:
  Follower(AppLog& log, const store::AppName& app, LogQuery query)
      : thread_([this, &log, app, query](std::stop_token stop) {
          log.follow(
              app, query, [this](const LogLine& line) { take(line); }, stop);
        }) {}

  bool sees(const std::vector<std::string>& expected) {
    for (int i = 0; i < 1000; ++i) {
      {
        const std::lock_guard lock(mutex_);
        if (seen_ == expected) return true;
      }
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    const std::lock_guard lock(mutex_);
    EXPECT_EQ(seen_, expected);
    return false;
  }

 private:
  void take(const LogLine& line) {
    const std::lock_guard lock(mutex_);
    seen_.push_back(line.text);
  }
  std::mutex mutex_;
  std::vector<std::string> seen_;
  std::jthread thread_;
};

TEST_F(AppLogTest, FollowsNewLinesNewFilesAndFilesThatAreReplaced) {
  add("web.1", 1, "old");
  add("web.1", 2, "last");
  Follower follower(log_, app_, {.lines = 1});
  ASSERT_TRUE(follower.sees({"last"}));
  add("web.1", 3, "new");
  ASSERT_TRUE(follower.sees({"last", "new"}));
  add("worker.1", 4, "born");
  ASSERT_TRUE(follower.sees({"last", "new", "born"}));
  // As conmon does with a file that has grown too long.
  std::ofstream(folder_ / "new") << "2026-01-31T12:00:05.000000000+00:00 stdout F of the next file\n";
  std::filesystem::rename(folder_ / "new", spool("web.1"));
  ASSERT_TRUE(follower.sees({"last", "new", "born", "of the next file"}));
}

/// The texts of the next lines, or of fewer when they do not come in time.
std::vector<std::string> next(AppLog::Follower& place, std::size_t count) {
  std::vector<std::string> found;
  std::stop_source enough;
  std::mutex mutex;
  std::condition_variable_any never;
  const std::jthread deadline([&](const std::stop_token& stop) {
    std::unique_lock lock(mutex);
    never.wait_for(lock, stop, std::chrono::seconds(20), [] { return false; });
    enough.request_stop();
  });
  place.run(
      [&](const LogLine& line) {
        found.push_back(line.text);
        if (found.size() == count) enough.request_stop();
      },
      enough.get_token());
  return found;
}

TEST_F(AppLogTest, AFollowersPlaceIsFixedWhenItIsMade) {
  add("web.1", 1, "old");
  AppLog::Follower place(log_, app_, {.lines = 0});
  add("web.1", 2, "first");
  add("worker.1", 3, "of a file that was not there");
  EXPECT_THAT(next(place, 2), ElementsAre("first", "of a file that was not there"));
  add("web.1", 4, "between");
  EXPECT_THAT(next(place, 1), ElementsAre("between"));
}

TEST_F(AppLogTest, AFollowerGoesOnBehindWhatItsSinkRefused) {
  AppLog::Follower place(log_, app_, {.lines = 0});
  for (int i = 1; i <= 4; ++i)
    add("web.1", i, std::to_string(i));
  std::vector<std::string> taken;
  const auto takesTwo = [&](const LogLine& line) {
    if (taken.size() == 2) throw std::runtime_error("full");
    taken.push_back(line.text);
  };
  EXPECT_THROW(place.run(takesTwo, {}), std::runtime_error);
  EXPECT_THAT(taken, ElementsAre("1", "2"));
  EXPECT_THAT(next(place, 1), ElementsAre("4"));
}

TEST_F(AppLogTest, AFollowerLosesNothingWhenSecretsCannotBeRead) {
  bool fails = true;
  log_.hide([&](const store::AppName&) -> std::shared_ptr<const base::Secrets> {
    if (std::exchange(fails, false)) throw std::runtime_error("no database");
    return nullptr;
  });
  AppLog::Follower place(log_, app_, {.lines = 0});
  add("web.1", 1, "kept");
  EXPECT_THROW(place.run([](const LogLine&) {}, {}), std::runtime_error);
  EXPECT_THAT(next(place, 1), ElementsAre("kept"));
}

TEST_F(AppLogTest, AFollowerGivesWhatIsThereWithoutWaiting) {
  add("web.1", 1, "old");
  AppLog::Follower place(log_, app_, {.lines = 0});
  EXPECT_TRUE(place.take(10).empty());
  for (int i = 2; i <= 4; ++i)
    add("web.1", i, std::to_string(i));
  EXPECT_THAT(texts(place.take(2)), ElementsAre("2", "3"));
  EXPECT_EQ(place.next(), 4u);
  EXPECT_EQ(place.waiting(), 1u);
  EXPECT_THAT(texts(place.take(2)), ElementsAre("4"));
  EXPECT_EQ(place.waiting(), 0u);
  EXPECT_EQ(place.next(), 5u);
}

TEST_F(AppLogTest, AFollowerBehindTheLogsEndBeginsThere) {
  add("web.1", 1, "old");
  EXPECT_EQ(log_.read(app_, {}).size(), 1u);
  AppLog::Follower place(log_, app_, {.lines = 0, .process = "", .source = "", .after = 700});
  add("web.1", 2, "with a number that was another line's");
  EXPECT_THAT(texts(place.take(2)), ElementsAre("with a number that was another line's"));
}

TEST_F(AppLogTest, AFollowerMovesWithTheApp) {
  add("web.1", 1, "old");
  AppLog::Follower place(log_, app_, {.lines = 0});
  add("web.1", 2, "before");
  const store::AppName name = store::AppName::parse("other");
  log_.beginRename(app_, name);
  std::ofstream(log_.spoolFile(name, "web.1", "d"))
      << "2026-01-31T12:00:03.000000000+00:00 stdout F of a new process\n";
  add("web.1", 4, "of an old process");
  place.rename(name);
  log_.endRename(app_, name);
  log_.append(name, "api", "renamed");
  EXPECT_THAT(next(place, 4), ElementsAre("before", "of a new process", "of an old process", "renamed"));
  EXPECT_THAT(texts(log_.read(name, {})), testing::UnorderedElementsAre("old", "before", "of a new process",
                                                                        "of an old process", "renamed"));
  EXPECT_FALSE(std::filesystem::exists(folder_ / "hello"));
  // And a daemon that starts there.
  AppLog again(folder_.path(), clock_);
  EXPECT_EQ(again.read(name, {}).size(), 5u);
}

}  // namespace
}  // namespace runner
