// The OCI configuration (config.json) of a container.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "sandbox/container.h"

namespace sandbox {

constexpr std::uint32_t kUserNamespaceSize = 65536;

/// Where the init is seen in the container: below /dev, which is a tmpfs of its own, so that no layer has to
/// hold a place for it.
constexpr const char* kInitPath = "/dev/init";

/// What the runtime adds to a spec.
struct BundleSettings {
  std::filesystem::path rootfs;       ///< mount point of the overlay
  std::filesystem::path initProgram;  ///< static program on the host
  std::uint32_t userNamespaceBase = 0;
  std::string cgroupsPath;         ///< absolute, in each hierarchy
  bool limitSwap = false;          ///< the kernel counts swap, so that it can be forbidden
  std::vector<Mount> systemFiles;  ///< resolv.conf, hosts, hostname
};

/// JSON text. (OCI runtime-spec 1.0.2, config.md and config-linux.md.)
std::string bundleConfig(const ContainerSpec& spec, const BundleSettings& settings);

/// Whether something is mounted at /tmp by the spec; otherwise it is a tmpfs of limits.tmpBytes.
bool mountsTmp(const ContainerSpec& spec);

}  // namespace sandbox
