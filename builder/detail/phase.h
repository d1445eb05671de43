// One phase of a build: a container, its environment, and what its end means.
#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <set>
#include <stop_token>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "builder/builder.h"
#include "builder/detail/build_folder.h"
#include "builder/detail/disk_watch.h"

namespace builder::detail {

/// Why a build goes no further.
using BuildStop = std::variant<BuildFailed, BuildCancelled>;

struct PhaseCall {
  std::string name;                    ///< "detect", "compile": part of the container's id
  std::string script;                  ///< of bash
  std::vector<std::string> arguments;  ///< $1 ...
  std::string folder;                  ///< working directory in the container
  bool network = false;
  std::chrono::seconds timeout = std::chrono::hours(24);  ///< beside the build's own
};

/// Environment of every phase and nothing else: config vars reach buildpacks by ENV_DIR. (Heroku Dev Center,
/// Buildpack API.)
std::vector<std::pair<std::string, std::string>> phaseEnvironment(const BuilderConfig& config,
                                                                  const BuildInput& input,
                                                                  const std::string& home,
                                                                  const std::string& requestId);

/// What phases work with; all outlive them.
struct PhaseParts {
  const BuilderConfig& config;
  sandbox::ContainerRuntime& runtime;
  const BuildInput& input;
  const BuildFolder& folder;
  DiskWatch& disk;
  /// Takes the platform's own error lines.
  std::function<void(const std::string& line)> tellError;
};

/// Runs the phases of one build against its limits. One thread at a time.
class PhaseRunner {
 public:
  PhaseRunner(PhaseParts parts, std::stop_token stop);

  /// stdout and stderr go to `output` as they come. Throws unavailable when no container can be made.
  sandbox::RunResult run(const PhaseCall& call, base::ByteSink& output);

  /// nullopt when the last run ended by itself with status 0. `what` begins the sentence: "Compile failed:
  /// the nodejs buildpack".
  std::optional<BuildStop> judge(const sandbox::RunResult& result, const std::string& what) const;

 private:
  sandbox::ContainerSpec specOf(const PhaseCall& call);
  void setNetwork(sandbox::ContainerSpec& spec) const;
  void tellRefused(const std::string& host);

  const PhaseParts parts_;
  const BuildLimits& limits_;
  std::stop_token stop_;
  std::chrono::steady_clock::time_point deadline_;
  std::vector<std::pair<std::string, std::string>> environment_;
  int runs_ = 0;
  std::set<std::string> refused_;   // hosts that were told already
  bool buildDeadlineRules_ = true;  // of the last run: not the call's own timeout
};

}  // namespace builder::detail
