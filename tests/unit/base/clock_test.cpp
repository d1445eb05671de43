#include "base/clock.h"

#include <gtest/gtest.h>

namespace base {
namespace {

using std::chrono::days;
using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

TEST(ToRfc3339, WritesUtcSeconds) {
  EXPECT_EQ(toRfc3339(Time(seconds(0))), "1970-01-01T00:00:00Z");
  EXPECT_EQ(toRfc3339(Time(milliseconds(1'769'860'800'999))), "2026-01-31T12:00:00Z");
  EXPECT_EQ(toRfc3339(Time(seconds(1'709'208'000))), "2024-02-29T12:00:00Z");
  EXPECT_EQ(toRfc3339(Time(milliseconds(-1))), "1969-12-31T23:59:59Z");
}

TEST(ToAge, UsesTheLargestUnit) {
  const Time now(days(10'000));
  EXPECT_EQ(toAge(now - seconds(5), now), "5s ago");
  EXPECT_EQ(toAge(now - seconds(150), now), "2m ago");
  EXPECT_EQ(toAge(now - minutes(59) - seconds(59), now), "59m ago");
  EXPECT_EQ(toAge(now - hours(3), now), "3h ago");
  EXPECT_EQ(toAge(now - hours(49), now), "2d ago");
}

TEST(ToAge, NeverSpeaksOfTheFuture) {
  EXPECT_EQ(toAge(Time(seconds(9)), Time(seconds(5))), "0s ago");
}

TEST(SystemClock, TellsTheTimeOfDay) {
  const auto before = std::chrono::system_clock::now() - seconds(1);
  EXPECT_GT(SystemClock().now(), before);
}

}  // namespace
}  // namespace base
