// The containers' network: one bridge for a data folder, made by the CNI plugins.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <filesystem>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "base/fd.h"
#include "base/json.h"
#include "sandbox/detail/firewall.h"
#include "sandbox/detail/ipv4.h"

namespace sandbox {

struct CniNetworkConfig {
  std::filesystem::path folder;  ///< holds network.json and leases/
  std::string name;              ///< of the bridge; at most 15 characters
  std::uint64_t seed = 0;        ///< where in the pool to begin: data folders seldom meet
  Ipv4Network pool;
  std::filesystem::path plugins;  ///< folder of the CNI plugins
  HostDoors doors;
};

/// Containers on the bridge reach, masqueraded, what the host reaches: but not the host itself (Firewall has the
/// exceptions), and each other only within a group. Nobody outside reaches them but the host. No IPv6. The bridge and
/// its firewall rules exist while containers do. Thread-safe. Throws unavailable with what to install or set.
/// (CNI specification 1.0.0, "Section 2: Execution Protocol".)
class CniNetwork {
 public:
  explicit CniNetwork(CniNetworkConfig config);

  /// Gives the network namespace of `pid` the interface eth0; returns its address. About 15 ms, 40 ms when
  /// the bridge is not there yet.
  std::string attach(const std::string& id, pid_t pid);
  /// Frees the container's address; the interface goes with its namespace. Fine when it has none.
  void detach(const std::string& id);
  /// Addresses of containers that reach each other; all others do not. In place of the groups before.
  void setGroups(std::vector<std::vector<std::string>> groups);
  /// Removes the bridge and its rules. Only when no container is attached or being attached.
  void tearDown();

 private:
  base::Fd lockHost() const;
  Ipv4Network chooseSubnet();
  base::JsonObject::Ptr pluginConfig(const Ipv4Network& subnet) const;
  base::JsonObject::Ptr callPlugin(const std::string& command, const std::string& id,
                                   const std::string& netns, const Ipv4Network& subnet) const;
  std::optional<Ipv4Network> rememberedSubnet() const;
  bool hasLease(const std::string& id) const;
  std::string attachTo(const Ipv4Network& subnet, const std::string& id, pid_t pid) const;

  const CniNetworkConfig config_;
  std::mutex mutex_;  // held while the bridge and its rules are made: others wait for just that
  std::chrono::steady_clock::time_point rulesCheckedAt_{};
  std::vector<std::vector<std::string>> groups_;  // guarded by mutex_
};

}  // namespace sandbox
