#include "controller/releases.h"

#include <gtest/gtest.h>

namespace controller {
namespace {

using Types = store::ProcessTypes;
using Formation = store::Formation;

TEST(NextFormation, FirstDeployScalesWebToOneAndTheRestToNone) {
  EXPECT_EQ(nextFormation({}, Types{{"web", "x"}, {"worker", "y"}}), (Formation{{"web", 1}, {"worker", 0}}));
}

TEST(NextFormation, LaterDeploysKeepTheScale) {
  EXPECT_EQ(nextFormation({{"web", 3}, {"worker", 2}}, Types{{"web", "x"}, {"worker", "y"}}),
            (Formation{{"web", 3}, {"worker", 2}}));
  EXPECT_EQ(nextFormation({{"web", 3}}, Types{{"web", "x"}, {"worker", "y"}, {"clock", "z"}},
                          {{"web", 5}, {"worker", 2}, {"gone", 1}}),
            (Formation{{"web", 3}, {"worker", 2}, {"clock", 0}}));
  EXPECT_EQ(nextFormation({{"web", 0}}, Types{{"web", "x"}}), (Formation{{"web", 0}}))
      << "scaled to none stays none";
}

TEST(NextFormation, TypesThatAreGoneGoAndNewOnesStartAtNone) {
  EXPECT_EQ(nextFormation({{"web", 2}, {"old", 4}}, Types{{"web", "x"}, {"clock", "y"}}),
            (Formation{{"clock", 0}, {"web", 2}}));
}

}  // namespace
}  // namespace controller
