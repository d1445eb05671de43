#include "registry/detail/passed.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

#include "tests/support/byte_streams.h"

namespace registry::detail {
namespace {

using testing_support::StringSink;
using testing_support::StringSource;

TEST(Passed, SaysHowMuchHasPassedWhenItIsTime) {
  std::vector<std::uint64_t> said;
  Passed passed([&](std::uint64_t bytes) { said.push_back(bytes); }, std::chrono::milliseconds(0));
  StringSink out;
  WatchedSink sink(out, passed);
  sink.write("four");
  sink.write("three");
  EXPECT_EQ(out.text, "fourthree");
  EXPECT_THAT(said, ::testing::ElementsAre(4u, 9u));
}

TEST(Passed, IsSilentWhenItIsQuick) {
  int said = 0;
  WatchedSource source(std::make_unique<StringSource>("some bytes", 3),
                       Passed([&](std::uint64_t) { ++said; }, std::chrono::hours(1)));
  std::string text;
  char buffer[4];
  while (const std::size_t count = source.read(buffer, sizeof buffer))
    text.append(buffer, count);
  EXPECT_EQ(text, "some bytes");
  EXPECT_EQ(said, 0);
}

}  // namespace
}  // namespace registry::detail
