#include "sandbox/detail/oci_bundle.h"

#include <sys/resource.h>
#include <sys/statvfs.h>

#include <algorithm>
#include <initializer_list>

#include "base/json.h"
#include "sandbox/detail/seccomp_profile.h"

namespace sandbox {
namespace {

using base::JsonArray;
using base::JsonObject;
using base::makeJsonArray;
using base::makeJsonObject;

JsonArray::Ptr strings(const std::vector<std::string>& values) {
  auto array = makeJsonArray();
  for (const std::string& value : values)
    array->add(value);
  return array;
}

JsonObject::Ptr mountEntry(const std::string& target, const std::string& type, const std::string& source,
                           const std::vector<std::string>& options) {
  auto entry = makeJsonObject();
  entry->set("destination", target);
  entry->set("type", type);
  entry->set("source", source);
  entry->set("options", strings(options));
  return entry;
}

// A user namespace may not drop the flags of the mount that a bind comes from: they are repeated, or the
// remount to read-only fails.
std::vector<std::string> bindOptions(const Mount& mount) {
  std::vector<std::string> options{"bind", "rprivate", "nosuid"};
  // A terminal of this machine is the one device that is handed in.
  std::error_code unknown;
  if (!std::filesystem::is_character_file(mount.source, unknown)) options.emplace_back("nodev");
  struct statvfs flags {};
  const bool known = ::statvfs(mount.source.c_str(), &flags) == 0;
  const auto has = [&](unsigned long flag) { return known && (flags.f_flag & flag) != 0; };
  options.emplace_back(mount.readOnly || has(ST_RDONLY) ? "ro" : "rw");
  if (has(ST_NOEXEC)) options.emplace_back("noexec");
  if (has(ST_NOATIME)) options.emplace_back("noatime");
  if (has(ST_NODIRATIME)) options.emplace_back("nodiratime");
  if (has(ST_RELATIME)) options.emplace_back("relatime");
  return options;
}

JsonObject::Ptr bindEntry(const Mount& mount) {
  return mountEntry(mount.target, "bind", mount.source.string(), bindOptions(mount));
}

JsonArray::Ptr mounts(const ContainerSpec& spec, const BundleSettings& settings) {
  auto list = makeJsonArray();
  list->add(mountEntry("/proc", "proc", "proc", {"nosuid", "noexec", "nodev"}));
  list->add(mountEntry("/dev", "tmpfs", "tmpfs", {"nosuid", "strictatime", "mode=755", "size=64k"}));
  list->add(mountEntry("/dev/pts", "devpts", "devpts",
                       {"nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"}));
  list->add(mountEntry("/dev/shm", "tmpfs", "shm", {"nosuid", "noexec", "nodev", "mode=1777", "size=64m"}));
  list->add(mountEntry("/dev/mqueue", "mqueue", "mqueue", {"nosuid", "noexec", "nodev"}));
  list->add(mountEntry("/sys", "sysfs", "sysfs", {"nosuid", "noexec", "nodev", "ro"}));
  // Language runtimes size their heaps by the limits that they read here.
  const std::vector<std::string> treeOptions{"nosuid", "noexec", "nodev", "relatime", "ro"};
  if (settings.limitFiles.empty()) {
    list->add(mountEntry("/sys/fs/cgroup", "cgroup", "cgroup", treeOptions));
  } else {
    list->add(mountEntry("/sys/fs/cgroup", "tmpfs", "tmpfs",
                         {"nosuid", "noexec", "nodev", "mode=755", "size=64k"}));
    if (!settings.cgroupsPath.empty())
      list->add(mountEntry("/sys/fs/cgroup/unified", "cgroup", "cgroup", treeOptions));
  }
  if (!mountsTmp(spec))
    list->add(mountEntry("/tmp", "tmpfs", "tmpfs",
                         {"nosuid", "nodev", "mode=1777", "size=" + std::to_string(spec.limits.tmpBytes)}));
  list->add(bindEntry({.source = settings.initProgram, .target = kInitPath, .readOnly = true}));
  for (const auto& files : {settings.systemFiles, settings.limitFiles}) {
    for (const Mount& mount : files)
      list->add(bindEntry(mount));
  }
  for (const Mount& mount : spec.mounts)
    list->add(bindEntry(mount));
  return list;
}

JsonObject::Ptr resourceLimit(const char* type, std::uint64_t value) {
  auto limit = makeJsonObject();
  limit->set("type", type);
  limit->set("hard", value);
  limit->set("soft", value);
  return limit;
}

/// No more than this process may have: raising a limit is the host's root's.
std::uint64_t processLimit(const Limits& limits) {
  struct rlimit own {};
  const auto wanted = static_cast<std::uint64_t>(limits.pids);
  return ::getrlimit(RLIMIT_NPROC, &own) == 0 ? std::min<std::uint64_t>(wanted, own.rlim_max) : wanted;
}

JsonObject::Ptr process(const ContainerSpec& spec, const BundleSettings& settings) {
  auto user = makeJsonObject();
  user->set("uid", spec.uid);
  user->set("gid", spec.gid);

  // -g: a signal that the init gets goes to its child's whole process group.
  std::vector<std::string> argv{kInitPath, "-g", "--"};
  argv.insert(argv.end(), spec.argv.begin(), spec.argv.end());
  std::vector<std::string> environment;
  for (const auto& [name, value] : spec.environment)
    environment.push_back(name + "=" + value);

  auto capabilities = makeJsonObject();
  for (const char* set : {"bounding", "effective", "inheritable", "permitted", "ambient"})
    capabilities->set(set, makeJsonArray());

  // No core files into a disk that has no quota. Other limits stay as they are: raising one needs rights that
  // a daemon in a container may lack.
  auto limits = makeJsonArray();
  limits->add(resourceLimit("RLIMIT_CORE", 0));
  if (spec.limits.fileBytes > 0) limits->add(resourceLimit("RLIMIT_FSIZE", spec.limits.fileBytes));
  // Counted by user and user namespace, and so by container (Linux 5.14): the limit that there is without a
  // group.
  if (settings.cgroupsPath.empty()) limits->add(resourceLimit("RLIMIT_NPROC", processLimit(spec.limits)));

  auto object = makeJsonObject();
  object->set("terminal", false);
  object->set("user", user);
  object->set("args", strings(argv));
  object->set("env", strings(environment));
  object->set("cwd", spec.workingDirectory);
  object->set("capabilities", capabilities);
  object->set("rlimits", limits);
  object->set("noNewPrivileges", true);
  object->set("oomScoreAdj",
              300);  // when the whole machine is short of memory, an app goes before the daemon
  return object;
}

JsonArray::Ptr idMappings(std::uint32_t base) {
  auto mapping = makeJsonObject();
  mapping->set("containerID", 0);
  mapping->set("hostID", base);
  mapping->set("size", kUserNamespaceSize);
  auto list = makeJsonArray();
  list->add(mapping);
  return list;
}

constexpr std::int64_t kCpuPeriodUs = 100'000;

std::int64_t cpuQuotaUs(const Limits& limits) {
  constexpr std::int64_t kLeastQuotaUs = 1'000;  // the kernel's own minimum
  return std::max(kLeastQuotaUs, static_cast<std::int64_t>(limits.cpus * static_cast<double>(kCpuPeriodUs)));
}

JsonObject::Ptr resources(const Limits& limits, bool limitSwap) {
  auto device = makeJsonObject();
  device->set("allow", false);
  device->set("access", "rwm");
  auto devices = makeJsonArray();
  devices->add(device);

  auto memory = makeJsonObject();
  memory->set("limit", limits.memoryBytes);
  if (limitSwap) memory->set("swap", limits.memoryBytes);  // memory and swap together: none of it may be swap
  auto pids = makeJsonObject();
  pids->set("limit", limits.pids);

  auto object = makeJsonObject();
  object->set("devices", devices);
  object->set("memory", memory);
  object->set("pids", pids);
  // Of cgroup v1; the runtimes make a weight of them for v2.
  constexpr std::uint64_t kSharesOfWeight100 = 1024;
  auto cpu = makeJsonObject();
  cpu->set("shares", std::max<std::uint64_t>(2, limits.cpuWeight * kSharesOfWeight100 / 100));
  if (limits.cpus > 0) {
    cpu->set("period", kCpuPeriodUs);
    cpu->set("quota", cpuQuotaUs(limits));
  }
  object->set("cpu", cpu);
  return object;
}

JsonObject::Ptr linuxPart(const ContainerSpec& spec, const BundleSettings& settings) {
  auto namespaces = makeJsonArray();
  for (const char* type : {"pid", "ipc", "uts", "mount", "network", "cgroup", "user"}) {
    auto entry = makeJsonObject();
    entry->set("type", type);
    namespaces->add(entry);
  }
  auto object = makeJsonObject();
  object->set("namespaces", namespaces);
  object->set("uidMappings", idMappings(settings.userNamespaceBase));
  object->set("gidMappings", idMappings(settings.userNamespaceBase));
  if (!settings.cgroupsPath.empty()) {
    object->set("cgroupsPath", settings.cgroupsPath);
    object->set("resources", resources(spec.limits, settings.limitSwap));
  }
  object->set("seccomp", seccompProfile());
  object->set("maskedPaths",
              strings({"/proc/acpi", "/proc/asound", "/proc/interrupts", "/proc/kcore", "/proc/keys",
                       "/proc/latency_stats", "/proc/sched_debug", "/proc/scsi", "/proc/timer_list",
                       "/proc/timer_stats", "/sys/devices/virtual/powercap", "/sys/firmware"}));
  object->set("readonlyPaths",
              strings({"/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"}));
  return object;
}

}  // namespace

std::map<std::string, std::string> limitFiles(const Limits& limits) {
  const std::string memory = std::to_string(limits.memoryBytes) + "\n";
  const std::string period = std::to_string(kCpuPeriodUs) + "\n";
  return {{"memory/memory.limit_in_bytes", memory},
          {"memory.max", memory},
          {"memory.high", "max\n"},
          {"cpu.max", (limits.cpus > 0 ? std::to_string(cpuQuotaUs(limits)) : "max") + " " + period}};
}

bool mountsTmp(const ContainerSpec& spec) {
  return std::any_of(spec.mounts.begin(), spec.mounts.end(),
                     [](const Mount& mount) { return mount.target == "/tmp"; });
}

std::string bundleConfig(const ContainerSpec& spec, const BundleSettings& settings) {
  auto root = makeJsonObject();
  root->set("path", settings.rootfs.string());
  root->set("readonly", spec.readOnlyRoot);  // what is written goes to the container's own upper layer
  auto config = makeJsonObject();
  config->set("ociVersion", "1.0.2");
  config->set("process", process(spec, settings));
  config->set("root", root);
  config->set("hostname", spec.hostname.empty() ? spec.id : spec.hostname);
  config->set("mounts", mounts(spec, settings));
  config->set("linux", linuxPart(spec, settings));
  return base::toJson(config);
}

}  // namespace sandbox
