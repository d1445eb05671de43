// What the runtime does not tell about a container's cgroups.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "sandbox/container.h"

namespace sandbox {

/// The host's cgroup tree: v1 (a folder for each controller), hybrid (v1, and a v2 tree without controllers)
/// or v2. Immutable, thread-safe. Paths are "/group/ID", below the part of the tree that is ours. (Linux,
/// Documentation/admin-guide/cgroup-v1 and cgroup-v2.rst.)
class CgroupTree {
 public:
  explicit CgroupTree(std::filesystem::path root = "/sys/fs/cgroup");
  /// For who is not the host's root: below the group that this process is in, where that was delegated to its
  /// user with cpu, memory and pids (with v1: in every hierarchy); with v2 all processes of the group are
  /// moved into one below it first. Otherwise there are no groups. `membership` is the text of
  /// /proc/self/cgroup.
  static CgroupTree delegated(const std::string& membership, std::filesystem::path root = "/sys/fs/cgroup");

  /// "cgroup v2", "cgroup v1 (hybrid)", "cgroup v1", with where it was delegated; "no cgroups".
  std::string describe() const;
  bool isV2() const noexcept { return version_ == Version::v2; }
  /// False: containers are in no group of their own, and nothing limits them or counts what they take.
  bool exists() const noexcept { return version_ != Version::none; }
  /// For the OCI runtime: absolute, in each hierarchy.
  std::string fullPath(const std::string& path) const { return prefix_ + path; }
  /// Processes in it; empty when it is gone.
  std::vector<pid_t> processes(const std::string& path) const;
  /// How many processes its memory limit has killed.
  std::uint64_t oomKills(const std::string& path) const;
  /// What is not there counts as 0.
  ContainerUsage usage(const std::string& path) const;
  /// Whether a limit on memory and swap together can be set.
  bool countsSwap() const;
  /// Moves a process that is not a container's into a group, as far as the host allows: a service manager
  /// that ends the daemon's own group then leaves it alone.
  void adopt(const std::string& path, pid_t pid) const;
  /// Removes the folder and those below it in each hierarchy, where no process is in them.
  void removeEmpty(const std::string& path) const;

 private:
  enum class Version { v1, hybrid, v2, none };
  std::filesystem::path folderOf(const std::string& path, const char* controller = "memory") const;

  std::filesystem::path root_;
  Version version_;
  std::string prefix_;  // the group that was delegated
};

}  // namespace sandbox
