#include "sandbox/detail/cgroup.h"

#include <linux/magic.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <fstream>
#include <set>
#include <string_view>
#include <system_error>
#include <utility>

#include "base/strings.h"
#include "sandbox/detail/read_or_empty.h"
#include "sandbox/oci_runtime.h"

namespace sandbox {
namespace {

namespace fs = std::filesystem;

bool isCgroup2(const fs::path& folder) {
  struct statfs info {};
  return ::statfs(folder.c_str(), &info) == 0 && info.f_type == CGROUP2_SUPER_MAGIC;
}

// "oom_kill 3" in memory.oom_control (v1) and memory.events (v2).
std::uint64_t counter(const fs::path& file, std::string_view wanted) {
  const std::string text = readOrEmpty(file);
  std::uint64_t value = 0;
  for (const std::string_view line : base::split(text, '\n')) {
    const std::size_t space = line.find(' ');
    if (space == std::string_view::npos || line.substr(0, space) != wanted) continue;
    return base::parseNumber(line.substr(space + 1), value) ? value : 0;
  }
  return 0;
}

std::uint64_t numberIn(const fs::path& file) {
  const std::string text = readOrEmpty(file);
  std::uint64_t value = 0;
  return base::parseNumber(base::trim(text), value) ? value : 0;
}

constexpr std::array kControllers{"cpu", "memory", "pids"};

/// A line of /proc/self/cgroup: "N:CONTROLLERS:PATH", where v2's has no controllers. (cgroups(7))
struct Membership {
  std::vector<std::string> controllers;  // "name=systemd" is "systemd"
  std::string group;                     // "" for the root
};

std::vector<Membership> parseMemberships(const std::string& text) {
  constexpr std::string_view kNamed = "name=";
  std::vector<Membership> all;
  for (const std::string& line : base::split(text, '\n')) {
    const auto first = line.find(':');
    const auto second = first == std::string::npos ? first : line.find(':', first + 1);
    if (second == std::string::npos) continue;
    Membership each{{}, line.substr(second + 1)};
    if (each.group == "/") each.group.clear();
    for (std::string& name : base::split(line.substr(first + 1, second - first - 1), ','))
      if (!name.empty())
        each.controllers.push_back(name.starts_with(kNamed) ? name.substr(kNamed.size()) : name);
    all.push_back(std::move(each));
  }
  return all;
}

bool canMakeGroupsIn(const fs::path& folder) {
  return ::access(folder.c_str(), W_OK) == 0 && ::access((folder / "cgroup.procs").c_str(), W_OK) == 0;
}

/// A group of v2 that has controllers for those below it has no processes itself.
void moveProcessesBelow(const fs::path& group) {
  const fs::path below = group / "fairlead-server";
  std::error_code exists;
  fs::create_directory(below, exists);
  std::ifstream in(group / "cgroup.procs");
  for (pid_t pid = 0; in >> pid;)
    std::ofstream(below / "cgroup.procs") << pid;
}

void removeTreeOfGroups(const fs::path& folder) {
  std::error_code ignored;  // what is in use or gone already stays as it is
  for (fs::directory_iterator entry(folder, ignored), end; entry != end; entry.increment(ignored)) {
    if (entry->is_directory(ignored) && !entry->is_symlink(ignored)) removeTreeOfGroups(entry->path());
  }
  fs::remove(folder, ignored);
}

}  // namespace

CgroupTree::CgroupTree(fs::path root) : root_(std::move(root)) {
  if (isCgroup2(root_)) {
    version_ = Version::v2;
  } else {
    version_ = isCgroup2(root_ / "unified") ? Version::hybrid : Version::v1;
  }
}

CgroupTree CgroupTree::delegated(const std::string& membership, fs::path root) {
  CgroupTree tree(std::move(root));
  const bool isV2 = tree.isV2();
  // The OCI runtimes make a container's group in each of v1's hierarchies, so that all have to be ours.
  std::set<std::string> ours;
  bool isOurs = true;
  for (const Membership& each : parseMemberships(membership)) {
    if (each.controllers.empty() != isV2) continue;
    if (ours.empty()) tree.prefix_ = each.group;
    isOurs = isOurs && each.group == tree.prefix_ &&
             canMakeGroupsIn(tree.folderOf("", isV2 ? "" : each.controllers.front().c_str()));
    ours.insert(each.controllers.begin(), each.controllers.end());
    if (isV2) ours.insert(kControllers.begin(), kControllers.end());  // asked for below
  }
  for (const char* each : kControllers)
    isOurs = isOurs && ours.contains(each);
  if (isOurs && isV2) {
    const fs::path folder = tree.folderOf("");
    moveProcessesBelow(folder);
    std::ofstream(folder / "cgroup.subtree_control") << "+cpu +memory +pids";
    const auto given = base::split(base::trim(readOrEmpty(folder / "cgroup.subtree_control")), ' ');
    for (const char* each : kControllers)
      isOurs = isOurs && std::find(given.begin(), given.end(), each) != given.end();
  }
  if (!isOurs) tree.version_ = Version::none;
  return tree;
}

std::string CgroupTree::describe() const {
  const std::string where = prefix_.empty() ? "" : " below " + prefix_;
  switch (version_) {
    case Version::v2:
      return "cgroup v2" + where;
    case Version::hybrid:
      return "cgroup v1 (hybrid)" + where;
    case Version::none:
      return std::string(kNoCgroups);
    case Version::v1:
      break;
  }
  return "cgroup v1" + where;
}

fs::path CgroupTree::folderOf(const std::string& path, const char* controller) const {
  return (version_ == Version::v2 ? root_ : root_ / controller).string() + prefix_ + path;
}

std::vector<pid_t> CgroupTree::processes(const std::string& path) const {
  std::vector<pid_t> pids;
  if (!exists()) return pids;
  std::ifstream in(folderOf(path) / "cgroup.procs");
  for (pid_t pid = 0; in >> pid;) {
    if (pid > 0) pids.push_back(pid);
  }
  return pids;
}

std::uint64_t CgroupTree::oomKills(const std::string& path) const {
  return counter(folderOf(path) / (version_ == Version::v2 ? "memory.events" : "memory.oom_control"),
                 "oom_kill");
}

ContainerUsage CgroupTree::usage(const std::string& path) const {
  ContainerUsage usage;
  if (!exists()) return usage;
  const fs::path memory = folderOf(path);
  const fs::path pids = folderOf(path, "pids");
  // Page cache counts against the limit, but what was not used lately goes before anything is killed.
  std::uint64_t inactive = 0;
  if (version_ == Version::v2) {
    usage.memoryBytes = numberIn(memory / "memory.current");
    inactive = counter(memory / "memory.stat", "inactive_file");
    usage.cpu = std::chrono::microseconds(counter(memory / "cpu.stat", "usage_usec"));
  } else {
    usage.memoryBytes = numberIn(memory / "memory.usage_in_bytes");
    inactive = counter(memory / "memory.stat", "total_inactive_file");
    usage.cpu = std::chrono::microseconds(numberIn(folderOf(path, "cpuacct") / "cpuacct.usage") / 1000);
  }
  usage.memoryBytes -= std::min(usage.memoryBytes, inactive);
  usage.pids = static_cast<std::int64_t>(numberIn(pids / "pids.current"));
  usage.pidsRefused = counter(pids / "pids.events", "max");
  usage.oomKills = oomKills(path);
  return usage;
}

bool CgroupTree::countsSwap() const {
  if (!exists()) return false;
  std::error_code ignored;
  if (version_ != Version::v2) return fs::exists(root_ / "memory/memory.memsw.limit_in_bytes", ignored);
  // The root group has no limits; any other shows whether the kernel counts swap.
  for (fs::directory_iterator entry(root_, ignored), end; entry != end; entry.increment(ignored)) {
    if (entry->is_directory(ignored) && fs::exists(entry->path() / "memory.swap.max", ignored)) return true;
  }
  return false;
}

void CgroupTree::adopt(const std::string& path, pid_t pid) const {
  if (!exists()) return;
  // With v1 only these two are what a service manager looks at; the others are limits.
  const std::vector<fs::path> trees =
      version_ == Version::v2 ? std::vector{root_} : std::vector{root_ / "systemd", root_ / "unified"};
  for (const fs::path& tree : trees) {
    std::error_code ignored;
    if (!fs::exists(tree / "cgroup.procs", ignored)) continue;
    const fs::path folder = tree.string() + prefix_ + path;
    fs::create_directories(folder, ignored);
    std::ofstream(folder / "cgroup.procs") << pid;
  }
}

void CgroupTree::removeEmpty(const std::string& path) const {
  if (!exists()) return;
  if (version_ == Version::v2) return removeTreeOfGroups(folderOf(path));
  std::error_code ignored;
  for (fs::directory_iterator entry(root_, ignored), end; entry != end; entry.increment(ignored)) {
    if (entry->is_directory(ignored) && !entry->is_symlink(ignored))
      removeTreeOfGroups(entry->path().string() + prefix_ + path);
  }
}

}  // namespace sandbox
