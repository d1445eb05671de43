#include "base/guarded.h"

#include <gtest/gtest.h>

#include <thread>
#include <vector>

namespace base {
namespace {

TEST(Guarded, GivesTheValueToOneThreadAtATime) {
  Guarded<int> count(0);
  std::vector<std::jthread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      for (int n = 0; n < 1000; ++n)
        count.with([](int& value) { ++value; });
    });
  }
  threads.clear();
  EXPECT_EQ(count.with([](const int& value) { return value; }), 4000);
}

TEST(Guarded, ReadsThroughConst) {
  const Guarded<std::vector<int>> list(std::vector<int>{1, 2});
  EXPECT_EQ(list.with([](const auto& value) { return value.size(); }), 2u);
}

}  // namespace
}  // namespace base
