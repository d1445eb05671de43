#include "sandbox/detail/cgroup.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "tests/unit/sandbox/runtime_fixture.h"

namespace sandbox {
namespace {

// A folder on a plain file system is taken for a v1 tree.
TEST(CgroupTree, ReadsAV1Tree) {
  const sandbox_test::TemporaryFolder root;
  const auto group = root.path() / "memory/fairlead/web.1";
  std::filesystem::create_directories(group);
  std::ofstream(group / "cgroup.procs") << "12\n345\n";
  std::ofstream(group / "memory.oom_control") << "oom_kill_disable 0\nunder_oom 0\noom_kill 2\n";
  const CgroupTree tree(root.path());
  EXPECT_EQ(tree.describe(), "cgroup v1");
  EXPECT_THAT(tree.processes("/fairlead/web.1"), ::testing::ElementsAre(12, 345));
  EXPECT_EQ(tree.oomKills("/fairlead/web.1"), 2u);
  EXPECT_THAT(tree.processes("/fairlead/web.2"), ::testing::IsEmpty());
  EXPECT_EQ(tree.oomKills("/fairlead/web.2"), 0u);
  EXPECT_FALSE(tree.countsSwap());
  std::ofstream(root.path() / "memory/memory.memsw.limit_in_bytes") << "1";
  EXPECT_TRUE(tree.countsSwap());
}

TEST(CgroupTree, ReadsWhatAV1GroupUses) {
  const sandbox_test::TemporaryFolder root;
  for (const char* controller : {"memory", "pids", "cpuacct"})
    std::filesystem::create_directories(root.path() / controller / "fairlead/web.1");
  const auto write = [&](const char* file, const char* text) { std::ofstream(root.path() / file) << text; };
  write("memory/fairlead/web.1/memory.usage_in_bytes", "5000\n");
  write("memory/fairlead/web.1/memory.stat", "inactive_file 1\ntotal_inactive_file 2000\n");
  write("memory/fairlead/web.1/memory.oom_control", "oom_kill 2\n");
  write("cpuacct/fairlead/web.1/cpuacct.usage", "7000000\n");
  write("pids/fairlead/web.1/pids.current", "4\n");
  write("pids/fairlead/web.1/pids.events", "max 9\n");
  const CgroupTree tree(root.path());
  const ContainerUsage usage = tree.usage("/fairlead/web.1");
  EXPECT_EQ(usage.memoryBytes, 3000u);
  EXPECT_EQ(usage.cpu.count(), 7000);
  EXPECT_EQ(usage.pids, 4);
  EXPECT_EQ(usage.pidsRefused, 9u);
  EXPECT_EQ(usage.oomKills, 2u);
  EXPECT_EQ(tree.usage("/fairlead/web.2").memoryBytes, 0u);
}

TEST(CgroupTree, RemovesGroupsInEveryHierarchy) {
  const sandbox_test::TemporaryFolder root;
  for (const char* controller : {"memory", "pids"})
    std::filesystem::create_directories(root.path() / controller / "fairlead/web.1");
  CgroupTree(root.path()).removeEmpty("/fairlead");
  EXPECT_FALSE(std::filesystem::exists(root.path() / "memory/fairlead"));
  EXPECT_FALSE(std::filesystem::exists(root.path() / "pids/fairlead"));
  EXPECT_TRUE(std::filesystem::exists(root.path() / "pids"));
}

}  // namespace
}  // namespace sandbox
