#include "base/detail/byte_range.h"

#include <gtest/gtest.h>

#include <string>

namespace base::detail {
namespace {

/// "whole", "none" or "FIRST-LAST".
std::string answer(std::string_view header, std::uint64_t size = 100) {
  const RangeAnswer range = parseRange(header, size);
  if (std::holds_alternative<WholeFile>(range)) return "whole";
  if (std::holds_alternative<Unsatisfiable>(range)) return "none";
  const auto& bytes = std::get<ByteRange>(range);
  return std::to_string(bytes.first) + "-" + std::to_string(bytes.last);
}

TEST(ParseRange, TakesOneRange) {
  EXPECT_EQ(answer("bytes=0-0"), "0-0");
  EXPECT_EQ(answer("bytes=10-19"), "10-19");
  EXPECT_EQ(answer("bytes=10-"), "10-99");
  EXPECT_EQ(answer("bytes=90-1000"), "90-99");
  EXPECT_EQ(answer("Bytes = 1-2"), "1-2");
}

TEST(ParseRange, TakesASuffix) {
  EXPECT_EQ(answer("bytes=-1"), "99-99");
  EXPECT_EQ(answer("bytes=-1000"), "0-99");
  EXPECT_EQ(answer("bytes=-0"), "none");
}

TEST(ParseRange, SaysWhenNothingIsThere) {
  EXPECT_EQ(answer("bytes=100-"), "none");
  EXPECT_EQ(answer("bytes=100-200"), "none");
  EXPECT_EQ(answer("bytes=5-4"), "none");
  EXPECT_EQ(answer("bytes=0-", 0), "none");
  EXPECT_EQ(answer("bytes=-5", 0), "none");
}

TEST(ParseRange, IgnoresWhatItDoesNotUnderstand) {
  for (const char* header :
       {"", "bytes", "bytes=", "bytes=-", "bytes=a-b", "bytes=0-1,5-6", "lines=0-1",
        "bytes=+1-2", "bytes=1--2", "bytes=18446744073709551616-", "bytesx=0-1"}) {
    EXPECT_EQ(answer(header), "whole") << header;
  }
}

TEST(EtagListMatches, ComparesWeakly) {
  EXPECT_TRUE(etagListMatches("\"a\"", "a"));
  EXPECT_TRUE(etagListMatches("W/\"a\"", "a"));
  EXPECT_TRUE(etagListMatches("\"x\", W/\"y,\" ,\"a\"", "a"));
  EXPECT_TRUE(etagListMatches(" * ", "a"));
  EXPECT_FALSE(etagListMatches("\"b\"", "a"));
  EXPECT_FALSE(etagListMatches("a", "a"));
  EXPECT_FALSE(etagListMatches("\"a", "a"));
  EXPECT_FALSE(etagListMatches("", "a"));
}

}  // namespace
}  // namespace base::detail
