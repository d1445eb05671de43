// The release phase: the Procfile's `release` runs once with each new release, before its processes start.
#pragma once

#include <chrono>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <stop_token>

#include "base/byte_sink.h"
#include "base/guarded.h"
#include "controller/build_log.h"
#include "controller/data_folder.h"
#include "controller/releases.h"
#include "runner/one_off.h"

namespace controller {

/// With the new release's slug and config, as a one-off process named release.N. Its output, the values of
/// config vars masked, is a file, which can be followed while it grows. A release whose launch a kill
/// interrupted is launched anew at the next start, with this phase: the command has to bear that.
/// Thread-safe; all parts outlive it.
class ReleasePhase {
 public:
  struct Config {
    std::uint64_t maxOutputBytes = 300u << 20;  ///< setting build_log_max_bytes
    std::chrono::seconds timeout{3600};         ///< setting release_timeout_s
  };
  ReleasePhase(Config config, const DataFolder& folder, store::ReleaseStore& store,
               runner::OneOffRunner& oneOffs)
      : config_(config), folder_(folder), store_(store), oneOffs_(oneOffs) {}

  /// Blocks until it has ended; its lines go to `progress`, too. nullopt: there is none, or it exited with 0.
  std::optional<runner::LaunchFailed> run(const store::App& app, const runner::Deployment& deployment,
                                          const ProgressLine& progress);
  /// Whether the release had one.
  bool hasOutput(const store::App& app, store::ReleaseVersion version) const;
  /// What it said, from the first byte; while it runs until it ends or `stop` is requested. Throws notFound.
  void copyOutput(const store::App& app, store::ReleaseVersion version, base::ByteSink& to,
                  std::stop_token stop) const;

 private:
  using Running = std::map<std::filesystem::path, std::shared_ptr<BuildLog>>;  // shared with those who follow
  std::filesystem::path file(const store::App& app, store::ReleaseVersion version) const;

  const Config config_;
  const DataFolder& folder_;
  store::ReleaseStore& store_;
  runner::OneOffRunner& oneOffs_;
  mutable base::Guarded<Running> running_;
};

}  // namespace controller
