#include "base/crew.h"

#include <gtest/gtest.h>

#include <latch>
#include <set>
#include <stdexcept>

#include "base/guarded.h"

namespace base {
namespace {

TEST(Crew, DoesEveryJobOnce) {
  for (const unsigned threads : {1u, 4u}) {
    Guarded<std::multiset<int>> done;
    Crew<int> crew(threads, 3, [&](int& job) { done.with([&](auto& set) { set.insert(job); }); });
    for (int job = 0; job < 1000; ++job)
      crew.add(job);
    crew.finish();
    EXPECT_FALSE(crew.ended());
    EXPECT_EQ(done.with([](const auto& set) { return set.size(); }), 1000u);
    EXPECT_EQ(done.with([](const auto& set) { return std::set<int>(set.begin(), set.end()).size(); }), 1000u);
  }
}

TEST(Crew, WorksOnSeveralThreadsAtATime) {
  std::latch both(2);
  Crew<int> crew(2, 1, [&](int&) { both.arrive_and_wait(); });
  crew.add(1);
  crew.add(2);
  crew.finish();
  EXPECT_TRUE(both.try_wait());
}

TEST(Crew, TheFirstFailureDropsWhatWaits) {
  int done = 0;
  Crew<int> crew(1, 0, [&](int& job) {
    if (job == 3) throw std::runtime_error("three");
    ++done;
  });
  for (int job = 0; job < 10; ++job)
    crew.add(job);
  EXPECT_TRUE(crew.ended());
  EXPECT_EQ(done, 3);
  EXPECT_THROW(crew.finish(), std::runtime_error);
}

TEST(Crew, LeavesJobsUndoneWhenItGoes) {
  int done = 0;
  {
    Crew<int> crew(1, 10, [&](int&) { ++done; });
    crew.add(1);
  }
  EXPECT_EQ(done, 0);
}

}  // namespace
}  // namespace base
