// ContainerRuntime over an OCI runtime (runc or crun), conmon and the CNI plugins.
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/fd.h"
#include "sandbox/container.h"

namespace sandbox {

/// In the description of a runtime whose containers are not limited.
inline constexpr std::string_view kNoCgroups = "no cgroups";

struct OciRuntimeConfig {
  std::filesystem::path folder;  ///< DIR/run: bundles, runtime state, conmon's exit files, network leases
  /// Program, or "auto": the first of crun, runc that can start a container here.
  std::string runtime = "auto";
  /// First host id of the containers' 65536: a range that nothing else uses (systemd's list of uid ranges
  /// calls it unused).
  std::uint32_t userNamespaceBase = 1879048192;
  /// Each data folder takes a free /22 of it for its bridge and keeps it.
  std::string subnetPool = "10.210.0.0/16";
  /// For resolv.conf, comma separated; empty: the host's (never a loopback one).
  std::string nameServers;
  /// What containers may reach on this host itself: "ADDRESS:PORT, *:PORT, ..." (TCP, *: any address of it);
  /// nothing else of it.
  std::string hostServices;
  /// Where containers' root file systems are mounted, in a folder of the data folder's: everybody can walk to
  /// it.
  std::filesystem::path mountFolder = "/run";
};

/// Of a container that runs.
struct ContainerHandles {
  base::Fd init;     ///< pidfd of its first process
  base::Fd monitor;  ///< of conmon; invalid when that has gone
};

/// One whose containers are made by this process.
class LocalRuntime : public ContainerRuntime {
 public:
  /// For who is to see by itself when it ends. nullopt when it does not run.
  virtual std::optional<ContainerHandles> handles(const std::string& id) = 0;
};

/// Tries the runtime once (a container that runs `true`) and throws unavailable with what to install or set
/// when it cannot. Leftovers of a killed daemon stay until remove().
std::unique_ptr<LocalRuntime> makeOciRuntime(const OciRuntimeConfig& config, const base::Clock& clock);

}  // namespace sandbox
