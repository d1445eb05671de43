#include "builder/detail/phase.h"

#include <algorithm>

#include "base/digest.h"
#include "base/strings.h"

namespace builder::detail {
namespace {

constexpr const char* kCaBundle = "/etc/ssl/certs/ca-certificates.crt";

using Environment = std::vector<std::pair<std::string, std::string>>;

void addUnlessPresent(Environment& environment, const std::string& name, const std::string& value) {
  const bool present = std::any_of(environment.begin(), environment.end(),
                                   [&](const auto& entry) { return entry.first == name; });
  if (!present) environment.emplace_back(name, value);
}

}  // namespace

Environment phaseEnvironment(const BuilderConfig& config, const BuildInput& input,
                             const std::string& requestId) {
  Environment environment = {{"PATH", "/usr/local/bin:/usr/bin:/bin"},
                             {"HOME", "/app"},
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

PhaseRunner::PhaseRunner(const BuilderConfig& config, sandbox::ContainerRuntime& runtime,
                         const BuildInput& input, const BuildFolder& folder, std::stop_token stop)
    : config_(config),
      runtime_(runtime),
      input_(input),
      folder_(folder),
      stop_(std::move(stop)),
      deadline_(std::chrono::steady_clock::now() + config.buildTimeout),
      environment_(phaseEnvironment(config, input, base::randomUuid())) {}

sandbox::RunResult PhaseRunner::run(const PhaseCall& call, base::ByteSink& output) {
  sandbox::ContainerSpec spec;
  spec.id = input_.id + "-" + call.name + std::to_string(++runs_);
  spec.layers = input_.stackLayers;
  spec.argv = {"bash", "-c", call.script, call.name};
  spec.argv.insert(spec.argv.end(), call.arguments.begin(), call.arguments.end());
  spec.environment = environment_;
  spec.workingDirectory = call.folder;
  spec.hostname = "build";
  spec.mounts = folder_.mounts();
  if (!config_.caBundle.empty()) spec.mounts.push_back({config_.caBundle, kCaBundle, true});
  spec.limits.memoryBytes = config_.buildMemoryBytes;
  spec.limits.pids = config_.buildPids;
  spec.network = call.network;

  const auto left = std::chrono::ceil<std::chrono::seconds>(deadline_ - std::chrono::steady_clock::now());
  buildDeadlineRules_ = left <= call.timeout;
  const auto timeout = std::clamp(left, std::chrono::seconds(0), call.timeout);
  return runtime_.run(spec, output, {.timeout = timeout, .stop = stop_});
}

std::optional<BuildStop> PhaseRunner::judge(const sandbox::RunResult& result, const std::string& what) const {
  using End = sandbox::RunResult::End;
  if (result.end == End::cancelled || stop_.stop_requested()) return BuildCancelled{};
  if (result.end == End::timedOut && buildDeadlineRules_) {
    return BuildFailed{what + " was stopped: the build took longer than " +
                       std::to_string(config_.buildTimeout.count()) + " s (setting build_timeout_s)"};
  }
  if (result.end == End::timedOut) return BuildFailed{what + " took too long"};
  if (result.status.ok()) return std::nullopt;
  if (result.outOfMemory) {
    return BuildFailed{what + " ran out of memory: more than " + base::formatBytes(config_.buildMemoryBytes) +
                       " (setting build_memory_bytes)"};
  }
  // The containers' init reports its child's signal as the shell does.
  constexpr int kSignalBase = 128;
  constexpr int kLastSignal = 64;
  const int encoded = result.status.code > kSignalBase ? result.status.code - kSignalBase : 0;
  if (const int signal = result.status.signal != 0 ? result.status.signal : encoded;
      signal > 0 && signal <= kLastSignal) {
    return BuildFailed{what + " was killed by signal " + std::to_string(signal)};
  }
  return BuildFailed{what + " exited with status " + std::to_string(result.status.code)};
}

}  // namespace builder::detail
