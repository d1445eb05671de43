#include "registry/detail/content_range.h"

#include <gtest/gtest.h>

#include <string>

namespace registry::detail {
namespace {

std::string answer(std::string_view text) {
  const auto range = parseContentRange(text);
  return range ? std::to_string(range->first) + "+" + std::to_string(range->length()) : "none";
}

TEST(ContentRange, TakesTheSpecificationsFormAndHttps) {
  EXPECT_EQ(answer("0-0"), "0+1");
  EXPECT_EQ(answer("10-19"), "10+10");
  EXPECT_EQ(answer(" 10-19 "), "10+10");
  EXPECT_EQ(answer("bytes 10-19/20"), "10+10");
  EXPECT_EQ(answer("bytes 10-19/*"), "10+10");
}

TEST(ContentRange, RefusesTheRest) {
  for (const char* text :
       {"", "-", "1", "1-", "-1", "2-1", "a-b", "0-1,2-3", "+0-1", "0--1", "bytes 0-1", "bytes=0-1",
        "bytes */5", "bytes 0-1/x", "0-18446744073709551615", "0-18446744073709551616", "0x1-2"}) {
    EXPECT_EQ(answer(text), "none") << text;
  }
}

}  // namespace
}  // namespace registry::detail
