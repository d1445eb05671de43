#include "runner/detail/launch_plan.h"

#include <algorithm>
#include <set>
#include <utility>

#include "base/digest.h"
#include "base/error.h"
#include "base/strings.h"

namespace runner::detail {
namespace {

constexpr std::uint32_t kUser = 1000;
constexpr std::string_view kPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
constexpr std::string_view kCaBundle = "/etc/ssl/certs/ca-certificates.crt";

/// Lower case, with everything that is not in `extra` or a letter or digit replaced by '-'.
std::string lowered(std::string_view text, std::string_view extra) {
  std::string out;
  for (char c : text) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    const bool plain =
        (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || extra.find(c) != std::string_view::npos;
    out += plain ? c : '-';
  }
  return out;
}

/// Length first, so that no two lists of fields give the same bytes.
void addField(base::Sha256& sha, std::string_view field) {
  sha.update(std::to_string(field.size()) + ":");
  sha.update(field);
}

std::vector<std::pair<std::string, std::string>> environmentOf(const Deployment& deployment, const Slot& slot,
                                                               std::uint16_t port) {
  store::ConfigVars vars = deployment.environment;
  vars.try_emplace("PATH", kPath);
  vars.try_emplace("LANG", "C.UTF-8");
  vars["HOME"] = "/app";
  vars["DYNO"] = slot.name();
  if (slot.type == "web") vars["PORT"] = std::to_string(port);
  return {vars.begin(), vars.end()};
}

/// Whether `wish` is the type, the process, or empty: all.
bool isNamed(const std::string& wish, const std::string& type, const std::string& process) {
  return wish.empty() || wish == type || wish == process;
}

[[noreturn]] void throwNotRunning(const std::string& processOrType) {
  throw base::Error(base::Errc::notFound, "no process \"" + base::printable(processOrType) +
                                              "\" is running: fairlead ps lists them");
}

}  // namespace

std::string identityOf(const Deployment& deployment, const std::string& type) {
  base::Sha256 sha;
  addField(sha, deployment.release.str());
  for (const store::Layer& layer : deployment.layers)
    addField(sha, layer.diffId.str());
  addField(sha, "environment");
  for (const auto& [key, value] : deployment.environment) {
    addField(sha, key);
    addField(sha, value);
  }
  addField(sha, "command");
  addField(sha, deployment.types.at(type));
  // Not the server's size: another setting is for processes that start, and replaces none.
  if (const auto own = deployment.sizes.find(type); own != deployment.sizes.end())
    addField(sha, describe(own->second));
  for (const VolumeMount& volume : deployment.volumes)
    addField(sha, volume.source.string() + ":" + volume.target + (volume.readOnly ? ":ro" : ""));
  return sha.finish().str();
}

const ProcessSize& sizeOf(const Deployment& deployment, const std::string& type,
                          const LocalEngineConfig& config) {
  const auto own = deployment.sizes.find(type);
  return own == deployment.sizes.end() ? config.size : own->second;
}

std::shared_ptr<const std::vector<store::ProcessCheck>> checksOf(const Deployment& deployment,
                                                                 const std::string& type) {
  const auto found = deployment.checks.find(type);
  if (found == deployment.checks.end()) return nullptr;
  return std::make_shared<const std::vector<store::ProcessCheck>>(found->second);
}

std::vector<Slot> wantedSlots(const Deployment& deployment) {
  std::vector<Slot> slots;
  for (const auto& [type, count] : deployment.formation) {
    if (!deployment.types.contains(type)) continue;
    for (int index = 1; index <= count; ++index)
      slots.push_back({type, index});
  }
  return slots;
}

LaunchPlan planDeploy(const Deployment& deployment, const std::vector<Process>& present) {
  LaunchPlan plan;
  std::vector<std::uint64_t> kept;
  for (const Slot& slot : wantedSlots(deployment)) {
    const std::string identity = identityOf(deployment, slot.type);
    const auto found = std::find_if(present.begin(), present.end(), [&](const Process& process) {
      return process.phase != Phase::stopping && process.type == slot.type && process.index == slot.index &&
             process.identity == identity;
    });
    if (found == present.end()) {
      plan.start.push_back(slot);
    } else {
      kept.push_back(found->key);
    }
  }
  for (const Process& process : present) {
    if (process.phase != Phase::stopping && std::find(kept.begin(), kept.end(), process.key) == kept.end()) {
      plan.retire.push_back(process.key);
    }
  }
  return plan;
}

LaunchPlan planRestart(const std::string& processOrType, const std::vector<Process>& present,
                       const std::vector<Slot>& wanted) {
  LaunchPlan plan;
  std::set<std::string> there;
  for (const Process& process : present) {
    if (process.phase == Phase::stopping) continue;
    there.insert(process.name());
    if (!isNamed(processOrType, process.type, process.name())) continue;
    plan.start.push_back({process.type, process.index});
    plan.retire.push_back(process.key);
  }
  for (const Slot& slot : wanted)
    if (!there.contains(slot.name()) && isNamed(processOrType, slot.type, slot.name()))
      plan.start.push_back(slot);
  if (plan.start.empty() && !processOrType.empty()) throwNotRunning(processOrType);
  return plan;
}

std::vector<std::uint64_t> planStop(const std::string& processOrType, const std::vector<Process>& present) {
  std::vector<std::uint64_t> keys;
  for (const Process& process : present)
    if (process.phase != Phase::stopping && isNamed(processOrType, process.type, process.name()))
      keys.push_back(process.key);
  if (keys.empty()) throwNotRunning(processOrType);
  return keys;
}

std::string newContainerId(const Deployment& deployment, const Slot& slot) {
  const std::string head = deployment.app.str() + "." + deployment.release.str() + ".";
  const std::string end = "." + std::to_string(slot.index) + "." + base::randomHex(2);
  const std::size_t room = 64 - std::min<std::size_t>(63, head.size() + end.size());
  return head + lowered(slot.type, "_-").substr(0, room) + end;
}

bool isContainerOf(const store::AppName& app, const std::string& id) {
  const std::string head = app.str() + ".v";
  return id.size() > head.size() && id.starts_with(head) && id[head.size()] >= '0' && id[head.size()] <= '9';
}

bool isProcessContainer(const std::string& id) {
  const auto app = store::AppName::tryParse(std::string_view(id).substr(0, id.find('.')));
  return app && isContainerOf(*app, id);
}

sandbox::ContainerSpec makeSpec(const Deployment& deployment, const Slot& slot,
                                std::vector<std::filesystem::path> layers, const LocalEngineConfig& config) {
  sandbox::ContainerSpec spec;
  spec.id = newContainerId(deployment, slot);
  spec.layers = std::move(layers);
  spec.argv = {"/fairlead/start", slot.type};
  spec.environment = environmentOf(deployment, slot, config.port);
  spec.workingDirectory = "/app";
  spec.uid = kUser;
  spec.gid = kUser;
  const std::string index = "-" + std::to_string(slot.index);
  spec.hostname = lowered(slot.type, "-").substr(0, 63 - index.size()) + index;
  if (!config.caBundle.empty()) spec.mounts.push_back({config.caBundle, std::string(kCaBundle), true});
  for (const VolumeMount& volume : deployment.volumes)
    spec.mounts.push_back({volume.source, volume.target, volume.readOnly});
  const ProcessSize& size = sizeOf(deployment, slot.type, config);
  spec.limits.memoryBytes = size.memoryBytes;
  spec.limits.cpus = size.cpus;
  spec.limits.pids = size.pids;
  return spec;
}

}  // namespace runner::detail
