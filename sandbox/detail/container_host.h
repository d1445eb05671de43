// What all containers of a data folder share: programs, cgroups, network, places.
#pragma once

#include <filesystem>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "sandbox/detail/cgroup.h"
#include "sandbox/detail/cni_network.h"
#include "sandbox/detail/container_files.h"
#include "sandbox/detail/leftovers.h"
#include "sandbox/detail/monitor.h"
#include "sandbox/detail/network_guard.h"
#include "sandbox/oci_runtime.h"

namespace sandbox {

/// The life of a container in steps, each whole in itself. Thread-safe.
class ContainerHost {
 public:
  /// Makes the folders; starts nothing.
  ContainerHost(const OciRuntimeConfig& config, RuntimePrograms programs,
                std::filesystem::path networkPlugins);

  /// Takes the id; throws alreadyExists.
  void claim(const std::string& id);
  /// From a claimed id to a container that waits for launch(). Attached to the network when the spec says so;
  /// its address is in the result.
  ContainerState create(const ContainerSpec& spec, const OutputTarget& output, base::Time now);
  void launch(const std::string& id, const ContainerState& state);
  /// See ContainerRuntime::exec().
  RunResult exec(const std::string& id, const ExecSpec& spec, base::ByteSink& output,
                 const RunOptions& options);
  /// For the guard of a created container that has a filter.
  NetworkGuard::Setup guardOf(const ContainerSpec& spec, const ProcessRef& init) const;
  /// Undoes all of it, whatever state it is in, and the shared network when no container is left.
  void remove(const std::string& id);
  /// The same for one that has ended, but only its processes and mounts are gone at return.
  void removeSoon(const std::string& id);

  /// Those of removeSoon() are gone from it.
  std::vector<std::string> list();
  bool exists(const std::string& id) const;
  ContainerFiles filesOf(const std::string& id) const;
  /// To every process; to the init only when it is alone, because it passes signals on and nobody shall get
  /// one twice.
  void signalAll(const std::string& id, int signalNumber) const;
  void setNetworkGroups(const std::vector<NetworkGroup>& groups);
  std::uint64_t unlinkedBytes(const std::string& id, dev_t device) const;
  ContainerUsage usage(const std::string& id) const;
  std::uint64_t writtenBytes(const std::string& id) const;
  std::uint32_t hostId(std::uint32_t containerId) const { return config_.userNamespaceBase + containerId; }
  /// "cgroup v2, user namespace 1879048192+65536".
  std::string describe() const;

 private:
  std::filesystem::path execsFolder() const { return config_.folder / "execs"; }
  std::string cgroupsPath(const std::string& id) const { return "/" + name_ + "/" + id; }
  std::vector<pid_t> processesOf(const std::string& id) const;
  void endLeftExecs();
  void killAll(const std::string& id);
  void removeNow(const std::string& id);
  void removeSharedIfUnused();
  void join(const std::string& id, const std::string& group);
  void leave(const std::string& id);
  void connectGroups();
  std::vector<std::string> present() const;

  const OciRuntimeConfig config_;
  const RuntimePrograms programs_;
  const std::string seed_;  // 8 hexadecimal digits of the data folder's hash
  const std::string name_;  // "fairlead-<seed>": of the cgroup and of the folder of mounts
  CgroupTree cgroups_;
  CniNetwork network_;
  // Held while an id is taken, and while the shared things go because no id is left: nobody may come in
  // between.
  std::mutex idsMutex_;
  std::mutex groupsMutex_;                           // one set of groups after the other; guards what follows
  std::optional<std::vector<NetworkGroup>> groups_;  // as they were said; nullopt: not yet
  std::map<std::string, std::string> joined_;        // containers whose specs name a group: that
  std::map<std::string, std::string> hostsEntries_;  // by container
  Leftovers leftovers_;                              // last: it uses what is above
};

}  // namespace sandbox
