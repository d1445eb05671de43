#include "base/http_session.h"

#include <gtest/gtest.h>

namespace base {
namespace {

TEST(ChunkHead, IsAHexadecimalLength) {
  EXPECT_EQ(parseChunkHead("0"), 0U);
  EXPECT_EQ(parseChunkHead("1a"), 26U);
  EXPECT_EQ(parseChunkHead("00FfF"), 0xfffU);
  EXPECT_EQ(parseChunkHead("fffffffffffffff"), 0xfffffffffffffffULL);
}

TEST(ChunkHead, MayHaveExtensions) {
  EXPECT_EQ(parseChunkHead("5;name=value"), 5U);
  EXPECT_EQ(parseChunkHead("5 ; name"), 5U);
  EXPECT_EQ(parseChunkHead("5  "), 5U);
}

TEST(ChunkHead, NothingElseIsOne) {
  for (const char* line : {"", " 5", "-5", "+5", "0x5", "5 6", "g", ";5", "5h", "1000000000000000"})
    EXPECT_EQ(parseChunkHead(line), std::nullopt) << line;
}

}  // namespace
}  // namespace base
