#include "base/zstd.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

#include "base/archive.h"
#include "base/child_process.h"
#include "base/error.h"
#include "base/fd.h"
#include "tests/support/byte_streams.h"
#include "tests/support/temp_folder.h"

namespace base {
namespace {

using testing_support::StringSink;
using testing_support::StringSource;

std::string pack(const std::string& text, std::size_t step, ZstdOptions options = {}) {
  StringSink sink;
  ZstdWriter writer(sink, options);
  for (std::size_t at = 0; at < text.size(); at += step)
    writer.write(std::string_view(text).substr(at, step));
  writer.finish();
  return sink.text;
}

/// Ten MiB, half of it noise: more than two blocks.
std::string sample() {
  std::mt19937 random(1);
  std::string text(10u << 20, 'x');
  for (std::size_t i = 0; i < text.size() / 2; ++i)
    text[i] = static_cast<char>(random());
  return text;
}

TEST(ZstdWriter, IsReadByZstdAndByUs) {
  const testing_support::TempFolder folder;
  const std::string text = sample();
  const std::string packed = pack(text, 100'000);
  EXPECT_LT(packed.size(), text.size() * 6 / 10);
  const auto file = folder.write("packed.zst", packed);
  mustRun({"zstd", "-q", "-d", "-o", (folder / "plain").string(), file.string()});
  EXPECT_TRUE(folder.read("plain") == text);
  StringSource source(packed, 10'000);
  StringSink plain;
  decompress(source, plain);
  EXPECT_TRUE(plain.text == text);
}

TEST(ZstdWriter, OutputDependsOnInputAndLevelOnly) {
  const std::string text = sample();
  const std::string packed = pack(text, 1u << 20, {.threads = 1});
  EXPECT_TRUE(packed == pack(text, 4097, {.threads = 3}));
  EXPECT_FALSE(packed == pack(text, 4097, {.level = 1, .threads = 3}));
}

TEST(ZstdWriter, NothingIsAFrame) {
  const std::string packed = pack("", 1);
  EXPECT_THAT(packed, ::testing::StartsWith("\x28\xb5\x2f\xfd"));
  StringSource source(packed + pack("after it", 1));
  StringSink plain;
  decompress(source, plain);
  EXPECT_EQ(plain.text, "after it");
}

TEST(ZstdWriter, RejectsLevelsThatDoNotExist) {
  StringSink sink;
  EXPECT_THROW(ZstdWriter(sink, {.level = 0}), Error);
  EXPECT_THROW(ZstdWriter(sink, {.level = 20}), Error);
}

}  // namespace
}  // namespace base
