// The paths of one container, and what is remembered of it.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

#include "base/clock.h"
#include "sandbox/detail/process_ref.h"

namespace sandbox {

/// Where a container's files are. All but the mount point are below the data folder. The mount point is in
/// /run, because the container's root (an unprivileged host user) must be able to walk to it, and the data
/// folder is nobody's business.
struct ContainerFiles {
  std::filesystem::path folder;      ///< the OCI bundle
  std::filesystem::path mountPoint;  ///< of the overlay

  std::filesystem::path upper() const { return folder / "upper"; }
  std::filesystem::path work() const { return folder / "work"; }
  std::filesystem::path overlays() const { return folder / "overlays"; }
  /// Where the folder of its log is mounted, for conmon.
  std::filesystem::path logFolder() const { return overlays() / "log"; }
  std::filesystem::path config() const { return folder / "config.json"; }
  std::filesystem::path state() const { return folder / "state.json"; }
  std::filesystem::path hosts() const { return folder / "hosts"; }
  std::filesystem::path hostname() const { return folder / "hostname"; }
  std::filesystem::path resolvConf() const { return folder / "resolv.conf"; }
  std::filesystem::path limits() const { return folder / "limits"; }  ///< with cgroup v2 only
  std::filesystem::path runtimeLog() const { return folder / "runtime.log"; }
  std::filesystem::path pidFile() const { return folder / "pid"; }
  std::filesystem::path monitorPidFile() const { return folder / "conmon.pid"; }
  std::filesystem::path exitFolder() const { return folder / "exit"; }
  std::filesystem::path persistFolder() const { return folder / "persist"; }
  std::filesystem::path socketFolder() const { return folder / "socket"; }
};

/// state.json: enough for a later daemon to adopt the container.
struct ContainerState {
  ProcessRef init;
  ProcessRef monitor;
  std::string address;
  base::Time startedAt;
  std::string networkGroup = {};  ///< ContainerSpec::networkGroup

  void save(const std::filesystem::path& file) const;
  /// nullopt when there is no such file, or an empty one.
  static std::optional<ContainerState> load(const std::filesystem::path& file);
};

}  // namespace sandbox
