#include "base/strings.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace base {
namespace {

using testing::ElementsAre;

TEST(Trim, TakesSpaceFromBothEnds) {
  EXPECT_EQ(trim(" \t a b\r\n"), "a b");
  EXPECT_EQ(trim(" \n"), "");
  EXPECT_EQ(trim(""), "");
}

TEST(Split, KeepsEmptyParts) {
  EXPECT_THAT(split("a,,b,", ','), ElementsAre("a", "", "b", ""));
  EXPECT_THAT(split("", ','), ElementsAre(""));
}

TEST(Join, IsTheReverseOfSplit) {
  EXPECT_EQ(join({"a", "", "b"}, ","), "a,,b");
  EXPECT_EQ(join({"", ""}, ","), ",");
  EXPECT_EQ(join({}, ","), "");
}

TEST(FormatBytes, SpeaksAsPeopleKnowIt) {
  EXPECT_EQ(formatBytes(0), "0B");
  EXPECT_EQ(formatBytes(900), "900B");
  EXPECT_EQ(formatBytes(1024), "1K");
  EXPECT_EQ(formatBytes(512 * 1024), "512K");
  EXPECT_EQ(formatBytes(12'897'484), "12.3M");
  EXPECT_EQ(formatBytes(3ull << 30), "3.0G");
}

TEST(FormatBytes, NeverShowsAThousandAndTwentyFour) {
  EXPECT_EQ(formatBytes((1 << 20) - 1), "1.0M");
  EXPECT_EQ(formatBytes((1 << 30) - 1), "1.0G");
}

TEST(ShellQuote, SurvivesQuotes) {
  EXPECT_EQ(shellQuote("it's"), "'it'\\''s'");
  EXPECT_EQ(shellQuote(""), "''");
  EXPECT_EQ(shellQuote("$(x) `y`"), "'$(x) `y`'");
}

TEST(Printable, ReplacesWhatWouldReachATerminal) {
  EXPECT_EQ(printable("a\x1b[31mb\n"), "a?[31mb?");
  EXPECT_EQ(printable("caf\xc3\xa9"), "caf\xc3\xa9");
  EXPECT_EQ(printable("\xff\xc3["), "??[");
  EXPECT_EQ(printable("\xc2\x9b"
                      "1m"),
            "?1m");  // CSI as one C1 control
  EXPECT_EQ(printable("a\xe2\x80\xae"
                      "b"),
            "a?b");                             // right-to-left override
  EXPECT_EQ(printable("\xed\xa0\x80"), "???");  // surrogate
}

TEST(Printable, CutsBetweenCharacters) {
  EXPECT_EQ(printable("abcdef", 3), "abc");
  EXPECT_EQ(printable("ab\xc3\xa9", 3), "ab");
}

TEST(ParseNumber, TakesOnlyWholeDecimalNumbers) {
  std::uint64_t value = 5;
  EXPECT_TRUE(parseNumber("0", value));
  EXPECT_EQ(value, 0u);
  EXPECT_TRUE(parseNumber("18446744073709551615", value));
  EXPECT_EQ(value, 18446744073709551615ull);
  for (const char* bad : {"", "-1", "+1", " 1", "1 ", "1.0", "0x10", "18446744073709551616", "a"}) {
    EXPECT_FALSE(parseNumber(bad, value)) << bad;
  }
  EXPECT_EQ(value, 18446744073709551615ull);
}

TEST(Nearest, FindsTypingSlips) {
  const std::vector<std::string> commands = {"config", "config:set", "logs", "releases", "ps"};
  EXPECT_EQ(nearest("confgi", commands), "config");
  EXPECT_EQ(nearest("relases", commands), "releases");
  EXPECT_EQ(nearest("logz", commands), "logs");
}

TEST(Nearest, StaysSilentWhenNothingIsNear) {
  EXPECT_EQ(nearest("deploy", {"logs", "ps"}), "");
  EXPECT_EQ(nearest("x", {"ps", "y"}), "");  // every letter would have to change
  EXPECT_EQ(nearest("", {"a"}), "");
  EXPECT_EQ(nearest(std::string(100'000, 'a'), {std::string(50, 'a')}), "");
}

}  // namespace
}  // namespace base
