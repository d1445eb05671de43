#include "base/gzip.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>
#include <thread>

#include "base/archive.h"
#include "base/child_process.h"
#include "base/error.h"
#include "tests/support/byte_streams.h"
#include "tests/support/temp_folder.h"

namespace base {
namespace {

using testing_support::StringSink;
using testing_support::StringSource;
using testing_support::TempFolder;

/// Text that compresses, but not to nothing.
std::string sample(std::size_t size) {
  std::mt19937 random(7);
  std::string text(size, ' ');
  for (auto& c : text)
    c = static_cast<char>('a' + (random() >> 28));
  return text;
}

std::string gzip(std::string_view text, GzipOptions options = {}, std::size_t step = std::string::npos) {
  StringSink sink;
  GzipWriter writer(sink, options);
  while (!text.empty()) {
    writer.write(text.substr(0, step));
    text.remove_prefix(std::min(step, text.size()));
  }
  writer.finish();
  return sink.text;
}

std::string gunzip(const std::string& packed) {
  StringSource source(packed);
  StringSink sink;
  decompress(source, sink);
  return sink.text;
}

class FailingSink : public ByteSink {
 public:
  void write(std::string_view) override {
    if (++writes == 2) throw Error(Errc::io, "disk is full");
  }
  int writes = 0;
};

TEST(GzipWriter, IsReadByGzip) {
  const TempFolder folder;
  const std::string text = sample((2 << 20) + 123);
  const auto file = folder.write("a.gz", gzip(text));
  mustRun({"gzip", "-t", file.string()});
  EXPECT_TRUE(mustRun({"gzip", "-dc", file.string()}, {.maxOutputBytes = text.size() + 1}) == text);
  EXPECT_TRUE(gunzip(folder.read("a.gz")) == text);
}

TEST(GzipWriter, OutputDependsOnInputAndLevelOnly) {
  const std::string text = sample((3 << 20) + 1);
  const std::string expected = gzip(text, {.level = 6, .threads = 1});
  EXPECT_TRUE(gzip(text, {.level = 6, .threads = 4}) == expected);
  EXPECT_TRUE(gzip(text, {.level = 6, .threads = 3}, 777) == expected);
  EXPECT_TRUE(gzip(text, {.level = 6, .threads = 2}, (1 << 20) + 1) == expected);
  EXPECT_LT(expected.size(), text.size());
}

TEST(GzipWriter, HeaderHasNeitherTimeNorName) {
  using std::string_literals::operator""s;
  EXPECT_EQ(gzip("x").substr(0, 10), "\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff"s);
}

TEST(GzipWriter, NothingIsOneMember) {
  const std::string packed = gzip("");
  EXPECT_FALSE(packed.empty());
  EXPECT_EQ(gunzip(packed), "");
  EXPECT_EQ(gzip(std::string(1 << 20, 'x')).size(), gzip(std::string(1 << 20, 'x'), {}, 1 << 19).size());
}

TEST(GzipWriter, CallsTheSinkOnTheCallersThreadOnly) {
  struct ThreadSink : ByteSink {
    void write(std::string_view) override { EXPECT_EQ(std::this_thread::get_id(), caller); }
    std::thread::id caller = std::this_thread::get_id();
  } sink;
  GzipWriter writer(sink, {.threads = 4});
  writer.write(sample(5 << 20));
  writer.finish();
}

TEST(GzipWriter, PassesOnTheSinksErrorAndEndsItsThreads) {
  FailingSink sink;
  GzipWriter writer(sink, {.threads = 2});
  EXPECT_THROW(writer.write(sample(7 << 20)), Error);
}

TEST(GzipWriter, CanBeAbandoned) {
  StringSink sink;
  GzipWriter writer(sink, {.threads = 2});
  writer.write(sample(3 << 20));
}

TEST(GzipWriter, RejectsLevelsThatDoNotExist) {
  StringSink sink;
  EXPECT_THROW(GzipWriter(sink, {.level = 0}), Error);
  EXPECT_THROW(GzipWriter(sink, {.level = 13}), Error);
}

}  // namespace
}  // namespace base
