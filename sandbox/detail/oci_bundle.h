// The OCI configuration (config.json) of a container.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "sandbox/container.h"

namespace sandbox {

/// Where the init is seen in the container: below /dev, which is a tmpfs of its own, so that no layer has to
/// hold a place for it.
constexpr const char* kInitPath = "/dev/init";

/// What the runtime adds to a spec.
struct BundleSettings {
  std::filesystem::path rootfs;       ///< mount point of the overlay
  std::filesystem::path initProgram;  ///< static program on the host
  std::uint32_t userNamespaceBase = 0;
  std::string cgroupsPath;         ///< absolute, in each hierarchy; empty: no group, and no limits by one
  bool limitSwap = false;          ///< the kernel counts swap, so that it can be forbidden
  std::vector<Mount> systemFiles;  ///< resolv.conf, hosts, hostname
  /// Of cgroup v2, in place of the tree at /sys/fs/cgroup, which goes one folder down: see limitFiles().
  /// Empty: the tree lies at /sys/fs/cgroup, with v1's files in it.
  std::vector<Mount> limitFiles;
};

/// JSON text. (OCI runtime-spec 1.0.2, config.md and config-linux.md.)
std::string bundleConfig(const ContainerSpec& spec, const BundleSettings& settings);

/// What a container's limits are, as files whose names are below /sys/fs/cgroup: for programs that know one
/// place only. Those of cgroup v1 (Heroku's buildpacks look at memory/memory.limit_in_bytes) are not there on
/// a host with v2, and beside them those of v2 that are looked for at the root (libuv). Name to content.
std::map<std::string, std::string> limitFiles(const Limits& limits);

/// Whether something is mounted at /tmp by the spec; otherwise it is a tmpfs of limits.tmpBytes.
bool mountsTmp(const ContainerSpec& spec);

}  // namespace sandbox
