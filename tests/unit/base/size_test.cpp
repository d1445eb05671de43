#include "base/size.h"

#include <gtest/gtest.h>

namespace base {
namespace {

TEST(Size, ReadsUnitsOf1024) {
  EXPECT_EQ(parseSize("0"), 0u);
  EXPECT_EQ(parseSize("1500"), 1500u);
  EXPECT_EQ(parseSize("3K"), 3072u);
  EXPECT_EQ(parseSize("2g"), 2ull << 30);
  EXPECT_EQ(parseSize("1T"), 1ull << 40);
  EXPECT_EQ(parseSize("16777215T"), 16777215ull << 40);
}

TEST(Size, RefusesTheRest) {
  for (const char* text : {"", "K", "-1", "+1", " 1", "1 K", "1KB", "1.5G", "1KK", "16777216T", "0x10"})
    EXPECT_EQ(parseSize(text), std::nullopt) << text;
}

TEST(Size, IsWrittenAsShortAsItIsExact) {
  for (const std::uint64_t bytes : {0ull, 1ull, 1000ull, 1024ull, 1536ull, 5ull << 30, 3ull << 50, ~0ull})
    EXPECT_EQ(parseSize(exactSize(bytes)), bytes) << exactSize(bytes);
  EXPECT_EQ(exactSize(2ull << 30), "2G");
  EXPECT_EQ(exactSize(1500ull << 20), "1500M");
  EXPECT_EQ(exactSize(1000), "1000");
}

}  // namespace
}  // namespace base
