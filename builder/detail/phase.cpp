#include "builder/detail/phase.h"

#include <algorithm>
#include <csignal>

#include "base/digest.h"
#include "base/strings.h"
#include "builder/detail/proxy_hosts.h"

namespace builder::detail {
namespace {

constexpr const char* kCaBundle = "/etc/ssl/certs/ca-certificates.crt";

/// A build that is to end has nothing to save: well-behaved tools need no longer to stop their children.
constexpr auto kKillGrace = std::chrono::milliseconds(300);

using Environment = std::vector<std::pair<std::string, std::string>>;

void addUnlessPresent(Environment& environment, const std::string& name, const std::string& value) {
  const bool present = std::any_of(environment.begin(), environment.end(),
                                   [&](const auto& entry) { return entry.first == name; });
  if (!present) environment.emplace_back(name, value);
}

}  // namespace

Environment phaseEnvironment(const BuilderConfig& config, const BuildInput& input, const std::string& home,
                             const std::string& requestId) {
  Environment environment = {{"PATH", "/usr/local/bin:/usr/bin:/bin"},
                             {"HOME", home},
                             {"APP_DIR", "/app"},
                             {"LANG", "en_US.UTF-8"},
                             {"STACK", input.stack},
                             {"REQUEST_ID", requestId},
                             {"SOURCE_VERSION", input.commit},
                             {"DYNO", "run.1"},
                             {"TMPDIR", "/tmp"},
                             {"CURL_CONNECT_TIMEOUT", "30"},
                             {"CURL_TIMEOUT", "180"}};
  if (!config.caBundle.empty()) {
    // Each tool has its own word for it; all trust what the operator trusts.
    for (const char* name : {"SSL_CERT_FILE", "NODE_EXTRA_CA_CERTS", "CURL_CA_BUNDLE", "GIT_SSL_CAINFO",
                             "REQUESTS_CA_BUNDLE", "PIP_CERT", "AWS_CA_BUNDLE"}) {
      environment.emplace_back(name, kCaBundle);
    }
  }
  for (const auto& [name, value] : config.hostEnvironment)
    addUnlessPresent(environment, name, value);
  return environment;
}

PhaseRunner::PhaseRunner(PhaseParts parts, std::stop_token stop)
    : parts_(parts),
      limits_(parts.input.limits),
      stop_(std::move(stop)),
      deadline_(std::chrono::steady_clock::now() + limits_.timeout),
      environment_(phaseEnvironment(parts.config, parts.input, parts.folder.homePath(), base::randomUuid())) {
}

sandbox::ContainerSpec PhaseRunner::specOf(const PhaseCall& call) {
  const BuilderConfig& config = parts_.config;
  sandbox::ContainerSpec spec;
  spec.id = parts_.input.id + "-" + call.name + std::to_string(++runs_);
  spec.layers = parts_.input.stackLayers;
  spec.argv = {"bash", "-c", call.script, call.name};
  spec.argv.insert(spec.argv.end(), call.arguments.begin(), call.arguments.end());
  spec.environment = environment_;
  spec.workingDirectory = call.folder;
  spec.hostname = "build";
  spec.mounts = parts_.folder.mounts();
  if (!config.caBundle.empty()) spec.mounts.push_back({config.caBundle, kCaBundle, true});
  // All that can be written is a mount from the build's folder, where the disk is watched.
  spec.readOnlyRoot = true;
  spec.limits.memoryBytes = limits_.memoryBytes;
  spec.limits.pids = limits_.pids;
  spec.limits.cpus = limits_.cpus;
  spec.limits.cpuWeight = config.cpuWeight;
  spec.limits.fileBytes = limits_.diskBytes;
  if (call.network) {
    setNetwork(spec);
  } else {
    spec.network = false;
  }
  return spec;
}

void PhaseRunner::setNetwork(sandbox::ContainerSpec& spec) const {
  const BuildNetwork& network = parts_.input.network;
  spec.network = network.reach != BuildNetwork::Reach::none;
  if (network.reach == BuildNetwork::Reach::full) return;
  spec.filter.emplace();
  if (!spec.network) return;
  spec.filter->hosts = network.hosts;
  // Where there is a proxy all goes through it, and it is the one that can filter.
  for (auto& proxy : proxyHosts(parts_.config.hostEnvironment))
    spec.filter->hosts.push_back(std::move(proxy));
}

void PhaseRunner::tellRefused(const std::string& host) {
  if (!refused_.insert(host).second) return;
  const bool none = parts_.input.network.reach == BuildNetwork::Reach::none;
  parts_.tellError("Network: " + host +
                   (none ? " is out of reach: this app's builds have no network (network:set)"
                         : " is not on this app's list (network:set)"));
}

sandbox::RunResult PhaseRunner::run(const PhaseCall& call, base::ByteSink& output) {
  const sandbox::ContainerSpec spec = specOf(call);
  const auto left = std::chrono::ceil<std::chrono::seconds>(deadline_ - std::chrono::steady_clock::now());
  buildDeadlineRules_ = left <= call.timeout;
  const auto timeout = std::clamp(left, std::chrono::seconds(0), call.timeout);
  std::stop_source end;
  const std::stop_callback onStop(stop_, [&] { end.request_stop(); });
  const DiskWatch::Phase watched(parts_.disk, end, [this, id = spec.id](dev_t device) {
    return parts_.runtime.unlinkedBytes(id, device);
  });
  return parts_.runtime.run(spec, output,
                            {.timeout = timeout,
                             .idleTimeout = limits_.idleTimeout,
                             .stop = end.get_token(),
                             .killGrace = kKillGrace,
                             .onRefusedHost = [this](const std::string& host) { tellRefused(host); }});
}

std::optional<BuildStop> PhaseRunner::judge(const sandbox::RunResult& result, const std::string& what) const {
  using End = sandbox::RunResult::End;
  if (stop_.stop_requested()) return BuildCancelled{};
  if (const auto full = parts_.disk.verdict()) return BuildFailed{what + " was stopped: " + *full};
  if (result.end == End::cancelled) return BuildCancelled{};
  if (result.end == End::idle) {
    return BuildFailed{what + " was stopped: it printed nothing for " +
                       std::to_string(limits_.idleTimeout.count()) + " s (setting build_idle_timeout_s)"};
  }
  if (result.end == End::timedOut && buildDeadlineRules_) {
    return BuildFailed{what + " was stopped: the build took longer than " +
                       std::to_string(limits_.timeout.count()) + " s (setting build_timeout_s)"};
  }
  if (result.end == End::timedOut) return BuildFailed{what + " took too long"};
  if (result.status.ok()) return std::nullopt;
  if (result.outOfMemory) {
    return BuildFailed{what + " ran out of memory: more than " + base::formatBytes(limits_.memoryBytes) +
                       " (setting build_memory_bytes)"};
  }
  // The containers' init reports its child's signal as the shell does.
  constexpr int kSignalBase = 128;
  constexpr int kLastSignal = 64;
  const int encoded = result.status.code > kSignalBase ? result.status.code - kSignalBase : 0;
  if (const int signal = result.status.signal != 0 ? result.status.signal : encoded;
      signal > 0 && signal <= kLastSignal) {
    if (signal == SIGXFSZ) {
      return BuildFailed{what + " wrote a file of more than " + base::formatBytes(limits_.diskBytes) +
                         " (setting build_disk_bytes)"};
    }
    return BuildFailed{what + " was killed by signal " + std::to_string(signal)};
  }
  return BuildFailed{what + " exited with status " + std::to_string(result.status.code)};
}

}  // namespace builder::detail
