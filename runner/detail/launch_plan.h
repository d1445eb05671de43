// From a deployment to what has to be started, kept and stopped. Pure functions.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "runner/detail/process.h"
#include "runner/local_engine.h"

namespace runner::detail {

/// One process that shall run.
struct Slot {
  std::string type;
  int index = 0;
  std::string name() const { return type + "." + std::to_string(index); }
};

struct LaunchPlan {
  std::vector<Slot> start;
  std::vector<std::uint64_t> retire;  ///< keys of processes
};

/// The type's own, or the server's.
const ProcessSize& sizeOf(const Deployment& deployment, const std::string& type,
                          const LocalEngineConfig& config);

/// Null for none of its own.
std::shared_ptr<const std::vector<store::ProcessCheck>> checksOf(const Deployment& deployment,
                                                                 const std::string& type);

/// Digest of all that a process of `type` is made from: release, layers, environment, command. Equal
/// identities need no replacement.
std::string identityOf(const Deployment& deployment, const std::string& type);

/// What is asked, in order. Types without a command are left out.
std::vector<Slot> wantedSlots(const Deployment& deployment);

/// Compares what is asked with what is there. What is stopping already is not counted.
LaunchPlan planDeploy(const Deployment& deployment, const std::vector<Process>& present);

/// Replacement of the processes that `processOrType` names ("web.1", "web", "" for all), and a start of those
/// among the `wanted` that were stopped; throws notFound when there is none.
LaunchPlan planRestart(const std::string& processOrType, const std::vector<Process>& present,
                       const std::vector<Slot>& wanted = {});

/// The processes that `processOrType` names; throws notFound when there is none.
std::vector<std::uint64_t> planStop(const std::string& processOrType, const std::vector<Process>& present);

/// "APP.vN.web.1.<4 hex>", at most 64 of [a-z0-9_.-].
std::string newContainerId(const Deployment& deployment, const Slot& slot);
/// Whether a container of that id belongs to the app's processes.
bool isContainerOf(const store::AppName& app, const std::string& id);
/// Whether it belongs to any app's processes.
bool isProcessContainer(const std::string& id);

/// `layers` are the unpacked folders, bottom first.
sandbox::ContainerSpec makeSpec(const Deployment& deployment, const Slot& slot,
                                std::vector<std::filesystem::path> layers, const LocalEngineConfig& config);

}  // namespace runner::detail
