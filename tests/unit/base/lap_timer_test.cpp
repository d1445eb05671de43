#include "base/lap_timer.h"

#include <gtest/gtest.h>

namespace base {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;

TEST(LapTimer, LapsAddUpToTheWhole) {
  const LapTimer::Clock::time_point start{};
  LapTimer timer(start);
  timer.lap("one", start + milliseconds(3));
  timer.lap("two", start + milliseconds(10));
  timer.lap("one", start + milliseconds(11));
  EXPECT_EQ(timer.times(), (LapTimer::Times{{"one", microseconds(4'000)}, {"two", microseconds(7'000)}}));
}

TEST(LapTimer, WhatOthersMeasuredInItIsTheirs) {
  const LapTimer::Clock::time_point start{};
  LapTimer timer(start);
  timer.lapAround({{"inner", milliseconds(6)}}, "outer", start + milliseconds(10));
  EXPECT_EQ(timer.times(), (LapTimer::Times{{"inner", microseconds(6'000)}, {"outer", microseconds(4'000)}}));
}

TEST(LapTimer, PartsThatAreLongerThanTheLapTakeNothingFromIt) {
  const LapTimer::Clock::time_point start{};
  LapTimer timer(start);
  timer.lapAround({{"inner", milliseconds(11)}}, "outer", start + milliseconds(10));
  timer.lap("later", start + milliseconds(5));
  EXPECT_EQ(timer.times().at("outer"), microseconds(0));
  EXPECT_EQ(timer.times().at("later"), microseconds(0));
}

}  // namespace
}  // namespace base
