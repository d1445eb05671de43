#include "sandbox/detail/oci_bundle.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "base/json.h"
#include "sandbox/detail/seccomp_profile.h"

namespace sandbox {
namespace {

using base::JsonArray;
using base::JsonObject;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::Not;

ContainerSpec webProcess() {
  ContainerSpec spec;
  spec.id = "web.1";
  spec.argv = {"bash", "-c", "exec \"node\""};
  spec.environment = {{"PORT", "5000"}, {"NAME", "ünï"}};
  spec.workingDirectory = "/app";
  spec.limits = {.memoryBytes = 256u << 20, .cpus = 1.5, .pids = 99, .tmpBytes = 1000};
  return spec;
}

JsonObject::Ptr configOf(const ContainerSpec& spec, bool limitSwap = true) {
  BundleSettings settings;
  settings.rootfs = "/run/x/rootfs";
  settings.initProgram = "/usr/bin/tini-static";
  settings.userNamespaceBase = 5000;
  settings.cgroupsPath = "/group/web.1";
  settings.limitSwap = limitSwap;
  settings.systemFiles = {{"/data/hosts", "/etc/hosts", true}};
  return base::parseJsonObject(bundleConfig(spec, settings), "config.json");
}

std::vector<std::string> stringsOf(const JsonArray::Ptr& array) {
  std::vector<std::string> values;
  for (std::size_t i = 0; i < array->size(); ++i)
    values.push_back(array->getElement<std::string>(static_cast<unsigned>(i)));
  return values;
}

std::vector<JsonObject::Ptr> objectsOf(const JsonArray::Ptr& array) {
  std::vector<JsonObject::Ptr> values;
  for (std::size_t i = 0; i < array->size(); ++i)
    values.push_back(array->getObject(static_cast<unsigned>(i)));
  return values;
}

JsonObject::Ptr mountAt(const JsonObject::Ptr& config, const std::string& target) {
  for (const auto& mount : objectsOf(config->getArray("mounts"))) {
    if (base::jsonString(mount, "destination") == target) return mount;
  }
  return nullptr;
}

TEST(OciBundle, RunsTheCommandUnderAnInitWithoutRights) {
  const auto process = configOf(webProcess())->getObject("process");
  EXPECT_THAT(stringsOf(process->getArray("args")),
              ElementsAre("/dev/init", "-g", "--", "bash", "-c", "exec \"node\""));
  EXPECT_THAT(stringsOf(process->getArray("env")), ElementsAre("PORT=5000", "NAME=ünï"));
  EXPECT_EQ(base::jsonString(process, "cwd"), "/app");
  EXPECT_TRUE(process->getValue<bool>("noNewPrivileges"));
  const auto capabilities = process->getObject("capabilities");
  for (const char* set : {"bounding", "effective", "inheritable", "permitted", "ambient"})
    EXPECT_EQ(capabilities->getArray(set)->size(), 0u);
  EXPECT_EQ(process->getObject("user")->getValue<int>("uid"), 1000);
}

// The layout where the host has cgroup v2: the tree one folder down, and files for who knows one place only.
TEST(OciBundle, ShowsLimitsWhereProgramsLookForThem) {
  EXPECT_EQ(limitFiles(webProcess().limits),
            (std::map<std::string, std::string>{{"memory/memory.limit_in_bytes", "268435456\n"},
                                                {"memory.max", "268435456\n"},
                                                {"memory.high", "max\n"},
                                                {"cpu.max", "150000 100000\n"}}));
  EXPECT_EQ(limitFiles({.memoryBytes = 1}).at("cpu.max"), "max 100000\n");
  BundleSettings settings;
  settings.cgroupsPath = "/group";
  const std::string file = "/sys/fs/cgroup/memory/memory.limit_in_bytes";
  settings.limitFiles = {{"/data/limit", file, true}};
  const auto config = base::parseJsonObject(bundleConfig(webProcess(), settings), "config.json");
  EXPECT_EQ(base::jsonString(mountAt(config, "/sys/fs/cgroup"), "type"), "tmpfs");
  EXPECT_EQ(base::jsonString(mountAt(config, "/sys/fs/cgroup/unified"), "type"), "cgroup");
  EXPECT_EQ(base::jsonString(mountAt(config, file), "source"), "/data/limit");
  EXPECT_EQ(base::jsonString(mountAt(configOf(webProcess()), "/sys/fs/cgroup"), "type"), "cgroup");
}

TEST(OciBundle, HasNamespacesAndLimits) {
  const auto part = configOf(webProcess())->getObject("linux");
  std::vector<std::string> types;
  for (const auto& entry : objectsOf(part->getArray("namespaces")))
    types.push_back(base::jsonString(entry, "type"));
  EXPECT_THAT(types,
              ::testing::UnorderedElementsAre("pid", "ipc", "uts", "mount", "network", "cgroup", "user"));
  const auto mapping = part->getArray("uidMappings")->getObject(0);
  EXPECT_EQ(mapping->getValue<std::uint32_t>("hostID"), 5000u);
  EXPECT_EQ(mapping->getValue<std::uint32_t>("size"), 65536u);
  const auto resources = part->getObject("resources");
  EXPECT_EQ(resources->getObject("memory")->getValue<std::uint64_t>("limit"), 256u << 20);
  EXPECT_EQ(resources->getObject("memory")->getValue<std::uint64_t>("swap"), 256u << 20);
  EXPECT_EQ(resources->getObject("pids")->getValue<int>("limit"), 99);
  EXPECT_EQ(resources->getObject("cpu")->getValue<int>("quota"), 150000);
  EXPECT_EQ(base::jsonString(part, "cgroupsPath"), "/group/web.1");
}

TEST(OciBundle, LeavesOutWhatIsNotLimited) {
  ContainerSpec spec = webProcess();
  spec.limits.cpus = 0;
  const auto resources = configOf(spec, false)->getObject("linux")->getObject("resources");
  EXPECT_FALSE(resources->getObject("cpu")->has("quota"));
  EXPECT_EQ(resources->getObject("cpu")->getValue<int>("shares"), 1024);
  spec.limits.cpuWeight = 25;
  const auto lighter = configOf(spec)->getObject("linux")->getObject("resources");
  EXPECT_EQ(lighter->getObject("cpu")->getValue<int>("shares"), 256);
  EXPECT_FALSE(resources->getObject("memory")->has("swap"));
}

TEST(OciBundle, BoundsFilesAndProtectsTheRootOnDemand) {
  ContainerSpec spec = webProcess();
  EXPECT_EQ(configOf(spec)->getObject("process")->getArray("rlimits")->size(), 1u);
  EXPECT_FALSE(configOf(spec)->getObject("root")->getValue<bool>("readonly"));
  spec.limits.fileBytes = 5ull << 30;
  spec.readOnlyRoot = true;
  const auto file = configOf(spec)->getObject("process")->getArray("rlimits")->getObject(1);
  EXPECT_EQ(base::jsonString(file, "type"), "RLIMIT_FSIZE");
  EXPECT_EQ(file->getValue<std::uint64_t>("hard"), 5ull << 30);
  EXPECT_TRUE(configOf(spec)->getObject("root")->getValue<bool>("readonly"));
}

TEST(OciBundle, MountsTmpUnlessTheSpecDoes) {
  ContainerSpec spec = webProcess();
  const auto tmp = mountAt(configOf(spec), "/tmp");
  ASSERT_FALSE(tmp.isNull());
  EXPECT_EQ(base::jsonString(tmp, "type"), "tmpfs");
  EXPECT_THAT(stringsOf(tmp->getArray("options")), Contains("size=1000"));
  spec.mounts = {{"/data/tmp", "/tmp", false}};
  EXPECT_EQ(base::jsonString(mountAt(configOf(spec), "/tmp"), "type"), "bind");
}

TEST(OciBundle, BindsReadOnlyUnlessAsked) {
  ContainerSpec spec = webProcess();
  spec.mounts = {{"/data/cache", "/cache", false}, {"/data/env", "/env", true}};
  const auto config = configOf(spec);
  EXPECT_THAT(stringsOf(mountAt(config, "/cache")->getArray("options")), Contains("rw"));
  for (const char* target : {"/env", "/etc/hosts", "/dev/init"}) {
    const auto options = stringsOf(mountAt(config, target)->getArray("options"));
    EXPECT_THAT(options, Contains("ro"));
    EXPECT_THAT(options, Contains("nosuid"));
    EXPECT_THAT(options, Contains("nodev"));
  }
  for (const char* target : {"/sys", "/sys/fs/cgroup"})
    EXPECT_THAT(stringsOf(mountAt(config, target)->getArray("options")), Contains("ro"));
}

TEST(OciBundle, NamesTheHostAfterTheContainerByDefault) {
  ContainerSpec spec = webProcess();
  EXPECT_EQ(base::jsonString(configOf(spec), "hostname"), "web.1");
  spec.hostname = "web-1";
  EXPECT_EQ(base::jsonString(configOf(spec), "hostname"), "web-1");
}

TEST(SeccompProfile, AllowsWhatProgramsNeedAndForbidsTheRest) {
  const auto profile = seccompProfile();
  EXPECT_EQ(base::jsonString(profile, "defaultAction"), "SCMP_ACT_ERRNO");
  EXPECT_EQ(profile->getValue<int>("defaultErrnoRet"), 38);  // ENOSYS
  std::vector<std::string> allowed, forbidden, conditional;
  for (const auto& rule : objectsOf(profile->getArray("syscalls"))) {
    auto& names = rule->has("args")                                      ? conditional
                  : base::jsonString(rule, "action") == "SCMP_ACT_ALLOW" ? allowed
                                                                         : forbidden;
    for (const std::string& name : stringsOf(rule->getArray("names")))
      names.push_back(name);
  }
  for (const char* name :
       {"read", "openat", "execve", "futex", "epoll_wait", "rt_sigreturn", "ptrace", "statx"})
    EXPECT_THAT(allowed, Contains(name));
  for (const char* name : {"mount", "umount2", "pivot_root", "bpf", "setns", "keyctl", "userfaultfd",
                           "open_by_handle_at", "kexec_load", "init_module", "reboot", "swapon",
                           "io_uring_setup", "perf_event_open", "clock_settime", "iopl", "quotactl", "acct"})
    EXPECT_THAT(forbidden, Contains(name));
  for (const char* name : {"clone", "unshare", "socket", "personality"})
    EXPECT_THAT(conditional, Contains(name));
  for (const std::string& name : forbidden)
    EXPECT_THAT(allowed, Not(Contains(name)));
  for (const std::string& name : conditional)
    EXPECT_THAT(allowed, Not(Contains(name))) << "its conditions would have no effect";
  EXPECT_THAT(allowed, Not(Contains("clone3")));
}

}  // namespace
}  // namespace sandbox
