#include "controller/build_phases.h"

#include <gtest/gtest.h>

namespace controller {
namespace {

TEST(BuildPhases, ComeInTheOrderInWhichTheyAreGoneThrough) {
  const store::Build build{.phaseMs = {{"compile", 900}, {"commit", 7}, {"receive", 40}, {"export", 3}}};
  const std::vector<std::pair<std::string, std::int64_t>> expected = {
      {"receive", 40}, {"export", 3}, {"compile", 900}, {"commit", 7}};
  EXPECT_EQ(phasesInOrder(build), expected);
}

TEST(BuildPhases, OwnTimeIsWithoutNetworkQueueBuildpacksAndLaunch) {
  const store::Build build{.phaseMs = {{"receive", 1'000},
                                       {"check", 1},
                                       {"accept", 2},
                                       {"queue", 1'000},
                                       {"export", 4},
                                       {"prepare", 8},
                                       {"cache", 16},
                                       {"sandbox", 32},
                                       {"detect", 1'000},
                                       {"compile", 1'000},
                                       {"slug_list", 64},
                                       {"slug_pack", 128},
                                       {"commit", 256},
                                       {"launch", 1'000}}};
  EXPECT_EQ(ownMs(build), 511);
  EXPECT_EQ(ownMs({}), 0);
}

}  // namespace
}  // namespace controller
