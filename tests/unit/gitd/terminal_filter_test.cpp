#include "gitd/detail/terminal_filter.h"

#include <gtest/gtest.h>

namespace gitd::detail {
namespace {

std::string whole(std::string_view text) {
  return TerminalFilter().filter(text);
}

TEST(TerminalFilter, PassesTextAndColours) {
  EXPECT_EQ(whole("a\tb\r\nc \xc3\xa4\xe2\x82\xac"), "a\tb\r\nc \xc3\xa4\xe2\x82\xac");
  EXPECT_EQ(whole("\x1b[1;31mred\x1b[0m\x1b[38:5:2m\x1b[m"), "\x1b[1;31mred\x1b[0m\x1b[38:5:2m\x1b[m");
}

TEST(TerminalFilter, DropsWhatMovesTheCursorOrWorse) {
  EXPECT_EQ(whole("a\x1b[2Jb\x1b[10;10Hc"), "abc");
  EXPECT_EQ(whole("a\x1b]0;title\x07"
                  "b\x1b]52;c;ZXZpbA==\x1b\\c"),
            "abc");
  EXPECT_EQ(whole("a\x1bPq#0\x1b\\b\x1b(0c\x1b"
                  "cd"),
            "abcd");
  EXPECT_EQ(whole(std::string_view("a\0b\x08\x7f\x07"
                                   "c",
                                   7)),
            "abc");
  EXPECT_EQ(whole("a\xc2\x9b"
                  "2Jb"),
            "a2Jb");                                // U+009B begins a sequence on some terminals
  EXPECT_EQ(whole("\x1b[?25lx\x1b[31;>my"), "xy");  // private, and a colour only by its end
}

TEST(TerminalFilter, KeepsItsPlaceBetweenPieces) {
  const std::string text =
      "a\x1b[31mb\x1b]0;t\x07"
      "c\xc2\xa9\x1b[2Kd";
  TerminalFilter filter;
  std::string out;
  for (const char c : text)
    out += filter.filter(std::string_view(&c, 1));
  EXPECT_EQ(out, whole(text));
  EXPECT_EQ(out,
            "a\x1b[31mbc\xc2\xa9"
            "d");
}

TEST(TerminalFilter, DoesNotSwallowALogBehindAnOpenSequence) {
  EXPECT_EQ(whole("\x1b]0;never closed\nline\n"), "line\n");
  EXPECT_EQ(whole("\x1b[31\nline\n"), "\nline\n");
  EXPECT_EQ(whole("\x1b[" + std::string(100, '1') + "mx"), "x");
}

}  // namespace
}  // namespace gitd::detail
