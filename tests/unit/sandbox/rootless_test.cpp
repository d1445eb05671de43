#include "sandbox/rootless.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <fstream>

#include "base/json.h"
#include "base/overlay_xattr.h"
#include "sandbox/detail/cgroup.h"
#include "sandbox/detail/oci_bundle.h"
#include "sandbox/detail/own_namespaces.h"
#include "sandbox/detail/process_group.h"
#include "sandbox/detail/rootless_door.h"
#include "sandbox/oci_runtime.h"
#include "tests/unit/sandbox/runtime_fixture.h"

namespace sandbox {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

std::vector<std::pair<std::uint32_t, std::uint32_t>> idsIn(const std::string& text) {
  std::vector<std::pair<std::uint32_t, std::uint32_t>> ids;
  for (const IdRange& each : enoughIds(text))
    ids.emplace_back(each.first, each.count);
  return ids;
}

TEST(SubordinateIds, AreTakenUntilThereAreEnough) {
  using Ranges = std::vector<std::pair<std::uint32_t, std::uint32_t>>;
  EXPECT_EQ(idsIn("0: somebody 100000 65536\n"), (Ranges{{100000, 65536}}));
  EXPECT_EQ(idsIn("0: somebody 100000 1000000\n"), (Ranges{{100000, 65536}}));
  EXPECT_EQ(idsIn("0: somebody 5000 36\n1: somebody 100000 70000\n2: somebody 7 7\n"),
            (Ranges{{5000, 36}, {100000, 65500}}));
  EXPECT_THAT(idsIn("0: somebody 100000 65535\n"), IsEmpty());
  EXPECT_THAT(idsIn(""), IsEmpty());
  EXPECT_THAT(idsIn("Error fetching ranges\n0: a -5 65536\n0: a 1 x\n0: a 5000000000 65536\n"), IsEmpty());
}

TEST(OutsideNetwork, ForwardsAddressesAsPastaHasThem) {
  EXPECT_EQ(forwardingOf("127.0.0.1:8080"), "127.0.0.1/8080");
  EXPECT_EQ(forwardingOf("0.0.0.0:80"), "80");
  EXPECT_EQ(forwardingOf("*:80"), "80");
  EXPECT_EQ(forwardingOf("[::]:80"), "80");
  EXPECT_EQ(forwardingOf("[::1]:443"), "::1/443");
}

TEST(DoorRequest, IsAWordAndLines) {
  const DoorRequest forward = DoorRequest::parse(DoorRequest{"forward", {"127.0.0.1:1", "[::1]:2"}}.text());
  EXPECT_EQ(forward.word, "forward");
  EXPECT_THAT(forward.addresses, ::testing::ElementsAre("127.0.0.1:1", "[::1]:2"));
  EXPECT_EQ(DoorRequest::parse("list").word, "list");
  EXPECT_THAT(DoorRequest::parse("list").addresses, IsEmpty());
  EXPECT_EQ(DoorRequest::parse("").word, "");
}

TEST(Door, IsNotKeptByHand) {
  EXPECT_EQ(keepDoor({}), 2);
}

TEST(Rootless, RootsOwnServerIsNone) {
  if (!base::isHostsUserNamespace()) GTEST_SKIP() << "these tests run in a user namespace themselves";
  EXPECT_FALSE(rootlessUser());
  EXPECT_STREQ(base::opaqueXattr(), "trusted.overlay.opaque");
}

/// A tree of v1, in which one group is delegated.
class Delegation {
 public:
  Delegation() {
    for (const char* controller : {"cpu", "memory", "pids"})
      add(controller, "/user");
  }
  void add(const std::string& controller, const std::string& group) {
    const std::filesystem::path folder = root_.path().string() + "/" + controller + group;
    std::filesystem::create_directories(folder);
    std::ofstream(folder / "cgroup.procs") << "";
  }
  CgroupTree of(const std::string& membership) const {
    return CgroupTree::delegated(membership, root_.path());
  }
  const std::filesystem::path& path() const { return root_.path(); }

 private:
  sandbox_test::TemporaryFolder root_;
};

TEST(DelegatedCgroup, IsTheOneThatThisProcessIsIn) {
  Delegation tree;
  const CgroupTree groups = tree.of("3:pids:/user\n2:memory:/user\n1:cpu,cpuacct:/user\n0::/\n");
  EXPECT_TRUE(groups.exists());
  EXPECT_EQ(groups.describe(), "cgroup v1 below /user");
  EXPECT_EQ(groups.fullPath("/fairlead/web.1"), "/user/fairlead/web.1");
  tree.add("memory", "/user/fairlead/web.1");
  std::ofstream(tree.path() / "memory/user/fairlead/web.1/cgroup.procs") << "12\n";
  EXPECT_THAT(groups.processes("/fairlead/web.1"), ::testing::ElementsAre(12));
}

TEST(DelegatedCgroup, NeedsAllControllersInOneGroupOfOurs) {
  const Delegation tree;
  for (const char* membership :
       {"", "2:memory:/user\n", "3:pids:/user\n2:memory:/user\n1:cpu:/another\n",
        "3:pids:/gone\n2:memory:/gone\n1:cpu:/gone\n",
        "4:name=systemd:/\n3:pids:/user\n2:memory:/user\n1:cpu:/user\n", "nonsense\n::\n:\n2:memory"}) {
    const CgroupTree none = tree.of(membership);
    EXPECT_FALSE(none.exists()) << membership;
    EXPECT_EQ(none.describe(), kNoCgroups);
    EXPECT_THAT(none.processes("/fairlead/web.1"), IsEmpty());
    EXPECT_EQ(none.usage("/fairlead/web.1").memoryBytes, 0u);
  }
}

TEST(ProcessGroup, IsWhatSharesThePidNamespace) {
  const ProcessRef self = ProcessRef::of(::getpid());
  EXPECT_THAT(processesBeside(self), Contains(::getpid()));
  EXPECT_THAT(processesBeside(ProcessRef{}), IsEmpty());
  const ContainerUsage usage = usageOf({::getpid()});
  EXPECT_GT(usage.memoryBytes, 100'000u);
  EXPECT_EQ(usage.pids, 1);
  EXPECT_EQ(usageOf({}).memoryBytes, 0u);
}

TEST(Bundle, WithoutAGroupIsLimitedByWhatThereIs) {
  ContainerSpec spec;
  spec.id = "web.1";
  spec.argv = {"true"};
  spec.limits.pids = 7;
  BundleSettings settings;
  settings.rootfs = "/x";
  settings.initProgram = "/init";
  settings.limitFiles = {{"/data/limits/memory.max", "/sys/fs/cgroup/memory.max", true}};
  const std::string config = bundleConfig(spec, settings);
  EXPECT_THAT(config, HasSubstr("\"RLIMIT_NPROC\",\"hard\":7"));
  EXPECT_THAT(config, Not(HasSubstr("cgroupsPath")));
  EXPECT_THAT(config, Not(HasSubstr("\"resources\"")));
  EXPECT_THAT(config, Not(HasSubstr("\"cgroup\",\"source\"")));
  EXPECT_THAT(config, HasSubstr("/sys/fs/cgroup/memory.max"));
  settings.cgroupsPath = "/group";
  EXPECT_THAT(bundleConfig(spec, settings), Not(HasSubstr("RLIMIT_NPROC")));
}

}  // namespace
}  // namespace sandbox
