#include "runner/detail/launch_plan.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace runner::detail {
namespace {

Deployment deploymentOf(const std::string& app, const std::string& type) {
  return {.app = store::AppName::parse(app),
          .release = {1234567},
          .types = {{type, "run"}},
          .formation = {{type, 1}, {"unknown", 2}}};
}

TEST(LaunchPlan, ContainerIdsFitWhateverTheNames) {
  const std::string app = "a" + std::string(29, 'b');
  const std::string type = "Long_Type-" + std::string(80, 'X');
  const Deployment deployment = deploymentOf(app, type);
  const std::string id = newContainerId(deployment, {type, 99});
  EXPECT_LE(id.size(), 64u);
  EXPECT_THAT(id, testing::MatchesRegex("[a-z0-9][a-z0-9_.-]*"));
  EXPECT_THAT(id, testing::HasSubstr("v1234567.long_type-x"));
  EXPECT_TRUE(isContainerOf(deployment.app, id));
  EXPECT_TRUE(isProcessContainer(id));
}

TEST(LaunchPlan, TellsOurContainersFromOthers) {
  const auto app = store::AppName::parse("hello");
  for (const char* id : {"hello", "hello.v", "hello.vx.web.1.aaaa", "hello.run.1", "hello2.v1.web.1.aaaa",
                         "build-1", "", "."}) {
    EXPECT_FALSE(isContainerOf(app, id)) << id;
  }
  EXPECT_FALSE(isProcessContainer("Build.v1"));
  EXPECT_TRUE(isProcessContainer("other.v1.web.1.aaaa"));
}

TEST(LaunchPlan, TypesWithoutACommandAreLeftOut) {
  const auto slots = wantedSlots(deploymentOf("hello", "web"));
  ASSERT_EQ(slots.size(), 1u);
  EXPECT_EQ(slots[0].name(), "web.1");
}

TEST(LaunchPlan, IdentityFollowsWhatAProcessIsMadeFrom) {
  const Deployment one = deploymentOf("hello", "web");
  Deployment other = one;
  EXPECT_EQ(identityOf(one, "web"), identityOf(other, "web"));
  other.formation["web"] = 7;
  EXPECT_EQ(identityOf(one, "web"), identityOf(other, "web"));
  other.environment["A"] = "B";
  EXPECT_NE(identityOf(one, "web"), identityOf(other, "web"));
  other = one;
  other.types["web"] = "run2";
  EXPECT_NE(identityOf(one, "web"), identityOf(other, "web"));
}

TEST(LaunchPlan, ConfigVarsDoNotOverrideWhatTheEngineSets) {
  Deployment deployment = deploymentOf("hello", "Worker_A");
  deployment.environment = {{"PORT", "1"}, {"HOME", "/root"}, {"DYNO", "x"}, {"PATH", "/app/bin"}};
  const auto spec = makeSpec(deployment, {"Worker_A", 2}, {}, {});
  EXPECT_THAT(spec.environment, testing::UnorderedElementsAre(
                                    testing::Pair("PORT", "1"), testing::Pair("HOME", "/app"),
                                    testing::Pair("DYNO", "Worker_A.2"), testing::Pair("PATH", "/app/bin"),
                                    testing::Pair("LANG", "C.UTF-8")));
  EXPECT_EQ(spec.hostname, "worker-a-2");
}

}  // namespace
}  // namespace runner::detail
