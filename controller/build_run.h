// A build under way: shared by its worker and its watchers.
#pragma once

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>

#include "controller/build_log.h"
#include "controller/build_source.h"
#include "controller/push_options.h"
#include "store/acting.h"
#include "store/model.h"

namespace controller {

/// What is built, and for whom. Shared ownership: the deployer's queue and every watcher hold it.
/// Thread-safe.
class BuildRun {
 public:
  /// Throws invalidArgument for push options that are not understood.
  BuildRun(store::Build build, store::App app, BuildSource source, const std::filesystem::path& logFile,
           std::uint64_t logMaxBytes)
      : build_(std::move(build)),
        app_(std::move(app)),
        source_(std::move(source)),
        options_(std::visit([](const auto& each) { return parsePushOptions(each.options); }, source_)),
        log_(logFile, logMaxBytes) {}

  const store::Build& build() const noexcept { return build_; }
  const store::App& app() const noexcept { return app_; }
  /// Null for a tarball. Without a quarantine when a commit that is deployed already is built again.
  const gitd::PushRequest* push() const noexcept { return std::get_if<gitd::PushRequest>(&source_); }
  /// Null for a commit.
  const TarballRequest* tarball() const noexcept { return std::get_if<TarballRequest>(&source_); }
  /// Who asked for it.
  const store::Actor& actor() const noexcept { return actor_; }
  const PushOptions& options() const noexcept { return options_; }
  BuildLog& log() noexcept { return log_; }
  std::stop_token stopToken() const { return stop_.get_token(); }
  std::chrono::steady_clock::time_point queuedAt() const noexcept { return queuedAt_; }
  /// The worker's alone.
  void noteStart() noexcept { startedAt_ = std::chrono::steady_clock::now(); }
  std::chrono::steady_clock::time_point startedAt() const noexcept { return startedAt_; }

  /// Asks the build to stop; false once it is launching or has ended: then it is finished, never half
  /// activated.
  bool cancel(const std::string& why);
  /// The one-sentence reason given to cancel(), or empty.
  std::string cancelReason() const;
  /// From now on cancel() is refused; false when it was cancelled before.
  bool beginLaunch();
  void finish(gitd::PushOutcome outcome);
  std::optional<gitd::PushOutcome> outcome() const;
  /// Returns when there is one.
  void awaitOutcome() const;

 private:
  const store::Build build_;
  const store::App app_;
  const BuildSource source_;
  const PushOptions options_;
  const store::Actor actor_ = store::ActingAs::current();
  const std::chrono::steady_clock::time_point queuedAt_ = std::chrono::steady_clock::now();
  std::chrono::steady_clock::time_point startedAt_;
  BuildLog log_;
  std::stop_source stop_;
  mutable std::mutex mutex_;
  mutable std::condition_variable decided_;
  bool launching_ = false;
  std::string cancelReason_;
  std::optional<gitd::PushOutcome> outcome_;
};

}  // namespace controller
