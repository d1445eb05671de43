#include "base/detail/utf8.h"

#include <gtest/gtest.h>

namespace base::detail {
namespace {

TEST(Utf8, MeasuresWellFormedCharacters) {
  EXPECT_EQ(utf8Length("a"), 1u);
  EXPECT_EQ(utf8Length("\xc3\xa9x"), 2u);
  EXPECT_EQ(utf8Length("\xe2\x82\xac"), 3u);
  EXPECT_EQ(utf8Length("\xf0\x9f\x98\x80"), 4u);
  EXPECT_EQ(utf8Length("\xf4\x8f\xbf\xbf"), 4u);
}

TEST(Utf8, RejectsTheRest) {
  for (const char* bad : {"", "\x80", "\xc3", "\xc3(", "\xc0\x80", "\xc1\xbf", "\xe0\x80\x80", "\xed\xa0\x80",
                          "\xf0\x80\x80\x80", "\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "\xff", "\xe2\x82"}) {
    EXPECT_EQ(utf8Length(bad), 0u);
  }
}

TEST(Utf8, Decodes) {
  EXPECT_EQ(utf8Decode("a"), U'a');
  EXPECT_EQ(utf8Decode("\xc3\xa9"), U'\u00e9');
  EXPECT_EQ(utf8Decode("\xe2\x82\xac"), U'\u20ac');
  EXPECT_EQ(utf8Decode("\xf0\x9f\x98\x80"), U'\U0001f600');
}

}  // namespace
}  // namespace base::detail
