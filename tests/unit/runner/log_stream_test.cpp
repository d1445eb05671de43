#include "runner/detail/log_stream.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>

#include "base/atomic_file.h"
#include "base/digest.h"
#include "base/error.h"
#include "tests/support/fake_clock.h"
#include "tests/support/killer.h"
#include "tests/support/small_disk.h"
#include "tests/support/temp_folder.h"

namespace runner::detail {
namespace {

using std::filesystem::path;
using testing::ElementsAre;
using testing::ElementsAreArray;
using testing::SizeIs;
using testing::UnorderedElementsAre;

constexpr std::uint64_t kAll = 1u << 20;

std::string criLine(const std::string& text, const std::string& tag = "stdout F") {
  return "2026-01-31T12:00:01.000000000+00:00 " + tag + " " + text + "\n";
}

void appendTo(const path& file, const std::string& bytes) {
  std::ofstream(file, std::ios::app) << bytes;
}

std::vector<std::string> texts(const std::vector<LogLine>& lines) {
  std::vector<std::string> found;
  for (const LogLine& line : lines)
    found.push_back(line.text);
  return found;
}

std::vector<std::string> tail(const LogStream& stream, const LogQuery& query = {}) {
  LogPlace place;
  return texts(readTail(stream.snapshot(), query, place));
}

std::vector<std::string> numbers(int from, int to) {
  std::vector<std::string> words;
  for (int i = from; i <= to; ++i)
    words.push_back(std::to_string(i));
  return words;
}

class LogStreamTest : public testing::Test {
 protected:
  static SegmentLimits small() {
    return {.maxBytes = 1u << 20, .maxAge = std::chrono::hours(48), .segmentBytes = 4096};
  }
  std::unique_ptr<LogStream> open(SegmentLimits limits = small()) const {
    return std::make_unique<LogStream>(app_, limits, clock_);
  }
  std::vector<path> segments() const {
    std::vector<path> files;
    for (const auto& item : std::filesystem::directory_iterator(app_ / "stream"))
      files.push_back(item.path());
    std::sort(files.begin(), files.end());
    return files;
  }

  testing_support::TempFolder folder_;
  test::FakeClock clock_;
  const path app_ = folder_ / "hello";
};

TEST_F(LogStreamTest, GivesEachLineANumberThatStays) {
  const auto stream = open();
  stream->append("deploy", numbers(1, 3));
  const auto spool = stream->addSpool(app_, "web.1", "c");
  appendTo(spool, criLine("4"));
  stream->collect(kAll);
  LogPlace place;
  const auto lines = readTail(open()->snapshot(), {}, place);
  ASSERT_THAT(texts(lines), ElementsAreArray(numbers(1, 4)));
  for (std::size_t i = 0; i < lines.size(); ++i)
    EXPECT_EQ(lines[i].number, i + 1);
  EXPECT_EQ(place.next, 5u);
}

TEST_F(LogStreamTest, SealsCompressesAndGoesOnOverSegments) {
  const auto stream = open();
  LogPlace place;
  readTail(stream->snapshot(), {}, place);
  LogPlace slow = place;
  std::vector<std::string> seen;
  for (int i = 1; i <= 1000; ++i) {
    stream->append("test", {std::to_string(i)});
    if (i % 10 == 0) stream->tidy();
    if (i % 7 != 0) continue;
    while (place.next < stream->snapshot().next)
      for (const std::string& text : texts(readOn(stream->snapshot(), {}, place)))
        seen.push_back(text);
  }
  EXPECT_THAT(seen, ElementsAreArray(numbers(1, 994)));
  EXPECT_GT(segments().size(), 5u);
  EXPECT_EQ(segments().front().extension(), ".gz");
  EXPECT_THAT(tail(*stream, {.lines = 500}), ElementsAreArray(numbers(501, 1000)));
  EXPECT_THAT(tail(*open(), {.lines = 2000}), ElementsAreArray(numbers(1, 1000)));
  // One that was away all the time.
  seen.clear();
  const auto again = open();
  while (slow.next < again->snapshot().next)
    for (const std::string& text : texts(readOn(again->snapshot(), {}, slow)))
      seen.push_back(text);
  EXPECT_THAT(seen, ElementsAreArray(numbers(1, 1000)));
}

TEST_F(LogStreamTest, ReadsAsFarBackAsAFilterNeeds) {
  const auto stream = open();
  stream->append("rare", {"first"});
  for (int i = 1; i <= 500; ++i)
    stream->append("often", {std::to_string(i)});
  stream->tidy();
  EXPECT_THAT(tail(*stream, {.lines = 5, .process = "rare"}), ElementsAre("first"));
  EXPECT_THAT(tail(*stream, {.lines = 5, .process = "", .source = "app"}), ElementsAre());
  EXPECT_THAT(tail(*stream, {.lines = 1, .process = "", .source = "heroku"}), ElementsAre("500"));
}

TEST_F(LogStreamTest, TheOldestSegmentsGoAtTheLimitInBytes) {
  SegmentLimits limits = small();
  limits.maxBytes = 8192;
  const auto stream = open(limits);
  std::string noise;
  for (int i = 0; i < 3000; ++i) {
    noise = std::to_string(i * 2654435761u);
    stream->append("test", {noise});
    if (i % 20 == 0) stream->tidy();
  }
  stream->tidy();
  std::uintmax_t size = 0;
  for (const auto& file : segments())
    size += std::filesystem::file_size(file);
  EXPECT_LE(size, 8192u + 4096u);
  EXPECT_GT(size, 4096u);
  EXPECT_EQ(tail(*stream, {.lines = 1}), std::vector{noise});
  // Who was further back goes on with the oldest line that is there.
  LogPlace place;
  const auto rest = readOn(stream->snapshot(), {}, place);
  ASSERT_FALSE(rest.empty());
  EXPECT_EQ(rest.front().number, stream->snapshot().segments.front().first);
}

TEST_F(LogStreamTest, WhatCameAtOnceDoesNotGoAtOnce) {
  const auto stream = open({.maxBytes = 256u << 10, .segmentBytes = 64u << 10});
  const auto spool = stream->addSpool(app_, "web.1", "c");
  std::string bytes;
  for (int i = 0; i < 3000; ++i)
    bytes += criLine(base::randomHex(300));
  appendTo(spool, bytes + criLine("the end"));
  while (stream->collect(1u << 20))
    continue;
  stream->append("run", {"exited"});
  stream->tidy();
  EXPECT_GT(tail(*stream, {.lines = 10'000}).size(), 100u);
  EXPECT_THAT(tail(*stream, {.lines = 2}), UnorderedElementsAre("the end", "exited"));
}

TEST_F(LogStreamTest, TheOldestSegmentsGoAtTheLimitInDays) {
  const auto stream = open();
  stream->append("test", {"on the first day"});
  clock_.advance(std::chrono::hours(30));
  stream->append("test", {"on the second day"});
  clock_.advance(std::chrono::hours(30));
  stream->tidy();
  EXPECT_THAT(tail(*stream), ElementsAre("on the first day", "on the second day"));
  clock_.advance(std::chrono::hours(30));
  stream->tidy();
  EXPECT_THAT(tail(*stream), ElementsAre("on the second day"));
  clock_.advance(std::chrono::hours(30));
  stream->tidy();
  EXPECT_THAT(tail(*stream), ElementsAre());
  stream->append("test", {"much later"});
  EXPECT_EQ(stream->snapshot().next, 4u);
}

TEST_F(LogStreamTest, ATornEndIsTakenAgainFromTheSpoolWhereverItIsTorn) {
  {
    const auto stream = open();
    const auto spool = stream->addSpool(app_, "web.1", "c");
    appendTo(spool, criLine("1") + criLine("2"));
    stream->collect(kAll);
    appendTo(spool, criLine("3 ", "stdout P"));
    stream->collect(kAll);
    appendTo(spool, criLine("e", "stderr F"));
    stream->collect(kAll);
    appendTo(spool, criLine("end") + criLine("4"));
    stream->collect(kAll);
  }
  const std::vector<std::string> expected{"1", "2", "e", "3 end", "4"};
  const path file = segments().front();
  const std::string whole = base::readFile(file);
  for (std::size_t length = 0; length <= whole.size(); ++length) {
    for (const std::string& garbage : {std::string(), std::string("\0\0\0", 3)}) {
      std::ofstream(file, std::ios::trunc) << whole.substr(0, length) << garbage;
      const auto stream = open();
      stream->collect(kAll);
      EXPECT_THAT(tail(*stream), testing::UnorderedElementsAreArray(expected)) << "torn at " << length;
      EXPECT_EQ(stream->snapshot().next, 6u);
      stream->append("test", {"goes on"});
      EXPECT_THAT(tail(*open()), SizeIs(6)) << "torn at " << length;
    }
  }
}

TEST_F(LogStreamTest, AKillAtAnyWriteLosesAndRepeatsNothing) {
  if (!testing_support::canKill()) GTEST_SKIP() << "no ptrace";
  const auto write = [&] {
    const auto stream = open();
    const auto spool = stream->addSpool(app_, "web.1", "c");
    for (int i = 0; i < 30; ++i) {
      stream->collect(kAll);
      stream->tidy();
    }
    return 0;
  };
  for (int step = 1;; step += testing_support::kStride) {
    base::removeTree(app_);
    std::filesystem::create_directories(app_);
    std::string bytes;
    for (int i = 1; i <= 300; ++i)
      bytes += criLine(std::to_string(i));
    const path spool = app_ / "web.1~c.log";
    appendTo(spool, bytes);
    const int writer = ::open(spool.c_str(), O_WRONLY | O_APPEND | O_CLOEXEC);  // as conmon has
    const auto result = testing_support::runAndKill(step, write);
    const auto stream = open();
    appendTo(spool, criLine("301"));
    while (stream->collect(kAll))
      continue;
    EXPECT_THAT(tail(*stream, {.lines = 1000}), ElementsAreArray(numbers(1, 301))) << "killed at " << step;
    ::close(writer);
    if (!result.killed) break;
  }
}

TEST_F(LogStreamTest, GivesTheDiskBackWhatItHasTaken) {
  const auto stream = open();
  const auto spool = stream->addSpool(app_, "web.1", "c");
  std::ofstream writer(spool, std::ios::app);  // stays open, as conmon's file does
  for (int i = 0; i < 50'000; ++i)
    writer << criLine("a line that fills the file " + std::to_string(i));
  writer << criLine("unfinished", "stdout P") << std::flush;
  while (stream->collect(kAll))
    continue;
  stream->tidy();
  struct stat info {};
  ASSERT_EQ(::stat(spool.c_str(), &info), 0);
  EXPECT_GT(info.st_size, 3'000'000);
  EXPECT_LT(info.st_blocks * 512, 256 << 10);
  writer << criLine(" line") << std::flush;
  stream->collect(kAll);
  EXPECT_THAT(tail(*stream, {.lines = 1}), ElementsAre("unfinished line"));
  // It goes when nobody can write to it any more.
  stream->tidy();
  EXPECT_TRUE(std::filesystem::exists(spool));
  writer.close();
  stream->tidy();
  EXPECT_FALSE(std::filesystem::exists(spool));
  EXPECT_THAT(tail(*open(), {.lines = 1}), ElementsAre("unfinished line"));
}

TEST_F(LogStreamTest, TheLastWordsOfAProcessNeedNoNewline) {
  const auto stream = open();
  const auto spool = stream->addSpool(app_, "web.1", "c");
  {
    std::ofstream writer(spool, std::ios::app);
    writer << criLine("panic: ", "stderr P") << criLine("no more", "stderr P") << std::flush;
    stream->collect(kAll);
    EXPECT_THAT(tail(*stream), ElementsAre());
  }
  stream->collect(kAll);
  EXPECT_THAT(tail(*stream), ElementsAre("panic: no more"));
  stream->collect(kAll);
  const auto again = open();
  again->collect(kAll);
  EXPECT_THAT(tail(*again), ElementsAre("panic: no more"));
}

TEST_F(LogStreamTest, ReadsTheFilesOfEarlierVersionsOnce) {
  std::filesystem::create_directories(app_);
  appendTo(app_ / "web.1.log", criLine("hello"));
  appendTo(app_ / "fairlead.log", criLine("deploy: v3 released") + criLine("no part"));
  const auto stream = open();
  stream->collect(kAll);
  LogPlace place;
  const auto lines = readTail(stream->snapshot(), {}, place);
  std::vector<std::string> shown;
  for (const LogLine& line : lines)
    shown.push_back(line.source + " " + line.process + " " + line.text);
  EXPECT_THAT(shown, testing::UnorderedElementsAre("app web.1 hello", "fairlead deploy v3 released",
                                                   "fairlead no part "));
  stream->tidy();
  EXPECT_THAT(tail(*open()), SizeIs(3));
  EXPECT_FALSE(std::filesystem::exists(app_ / "fairlead.log"));
}

TEST_F(LogStreamTest, SharedLinesComeOnceToo) {
  const std::vector<SharedLine> lines{{10, makeEntry(1, "router", "router", "a")},
                                      {20, makeEntry(2, "router", "router", "b")}};
  open()->appendShared("access.log", 7, {lines[0]});
  const auto stream = open();
  stream->appendShared("access.log", 7, lines);
  EXPECT_THAT(tail(*stream), ElementsAre("a", "b"));
  stream->appendShared("access.log", 8, {lines[0]});  // of the next file
  EXPECT_THAT(tail(*stream), ElementsAre("a", "b", "a"));
}

TEST_F(LogStreamTest, AFullDiskLosesNothingThatWasSpooled) {
  testing_support::SmallDisk disk(folder_ / "disk", 4u << 20);
  if (!disk.mounted()) GTEST_SKIP() << "no mounts";
  const path app = folder_ / "disk" / "hello";
  LogStream stream(app, small(), clock_);
  const auto spool = stream.addSpool(app, "web.1", "c");
  std::string bytes;
  for (int i = 1; i <= 2000; ++i)
    bytes += criLine(std::to_string(i));
  appendTo(spool, bytes);
  disk.fill(4096);
  EXPECT_THROW(stream.collect(kAll), base::Error);
  EXPECT_THROW(stream.collect(kAll), base::Error);
  disk.empty();
  while (stream.collect(kAll))
    continue;
  EXPECT_THAT(tail(stream, {.lines = 5000}), ElementsAreArray(numbers(1, 2000)));
  EXPECT_THAT(tail(LogStream(app, small(), clock_), {.lines = 5000}), ElementsAreArray(numbers(1, 2000)));
}

TEST_F(LogStreamTest, ADamagedSegmentHidesNoOther) {
  const auto stream = open();
  for (int i = 1; i <= 300; ++i)
    stream->append("test", {std::to_string(i)});
  stream->tidy();
  ASSERT_EQ(segments().front().extension(), ".gz");
  std::ofstream(segments().front(), std::ios::trunc) << "no gzip";
  const auto left = tail(*stream, {.lines = 1000});
  EXPECT_LT(left.size(), 300u);
  EXPECT_GT(left.size(), 50u);
  EXPECT_EQ(left.back(), "300");
  LogPlace place;
  std::size_t read = 0;
  while (place.next < stream->snapshot().next)
    read += readOn(stream->snapshot(), {}, place).size();
  EXPECT_EQ(read, left.size());
}

TEST(LogRecord, ReadsOnlyWhatItHasWritten) {
  const LogEntry entry = makeEntry(1, "app", "web.1", "a\nb = c");
  EXPECT_EQ(entry.record, "1970-01-01T00:00:00.000000001+00:00 app web.1 a b = c\n");
  const auto record = parseRecord(std::string_view(entry.record).substr(0, entry.record.size() - 1));
  ASSERT_TRUE(record);
  EXPECT_EQ(record->text, "a b = c");
  for (const char* bad : {"", "= 5 00000000", "1970-01-01T00:00:00.000000001+00:00",
                          "1970-01-01T00:00:00.000000001+00:00 app web.1"})
    EXPECT_FALSE(parseRecord(bad)) << bad;
}

}  // namespace
}  // namespace runner::detail
