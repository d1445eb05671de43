// Numbered releases and their launch: the one place where a release is made.
#pragma once

#include <functional>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "controller/app_limits.h"
#include "controller/app_locks.h"
#include "controller/data_folder.h"
#include "registry/start_layers.h"
#include "runner/app_log.h"
#include "runner/engine.h"
#include "store/blob_store.h"
#include "store/release_store.h"

namespace controller {

/// What a release's slug stands on: a stack's name and one of its run images.
struct ReleaseBase {
  std::string stack;
  std::optional<store::Digest> runImage;  ///< nullopt: what the stack has now
};

/// What changes with a release; the rest is taken from the current one.
struct ReleaseChange {
  std::string description;
  std::string user;
  std::optional<std::int64_t> slug;
  std::optional<store::ConfigVars> config;
  /// With `config`; else those of the current release stay, for the names that do.
  std::optional<store::ConfigScopes> configScopes = std::nullopt;
  std::optional<std::int64_t> succeededBuild;
  store::Formation firstFormation;  ///< counts of process types that the app has had no count for
  /// Else a new slug stands on what its stack has now, and the current release's slug on what it stood on.
  std::optional<ReleaseBase> base = std::nullopt;
};

/// A release and what became of its launch; `failed` holds why its processes did not come up (the release is
/// then marked failed and the one before serves on).
struct Released {
  store::Release release;
  std::optional<runner::LaunchFailed> failed;
};

/// One line of progress, without newline.
using ProgressLine = std::function<void(std::string_view)>;

/// The process type that runs once with each release and is no part of the formation (ReleasePhase).
inline constexpr std::string_view kReleaseType = "release";

/// Thread-safe; each call is for an app whose lease (AppLocks) the caller holds.
class Releases {
 public:
  Releases(store::ReleaseStore& store, store::BlobStore& blobs, runner::Engine& engine, runner::AppLog& log,
           const AppLimits& limits, const DataFolder& folder, const base::Clock& clock);

  /// Called with each release that serves from now on, on the thread that launched it. Set before the first
  /// call of another function.
  void onServing(std::function<void(const store::App&, const store::Release&)> tell) {
    onServing_ = std::move(tell);
  }

  /// Called before the processes of a release start; what it returns fails the release. Set before the first
  /// call of another function.
  using BeforeLaunch = std::function<std::optional<runner::LaunchFailed>(
      const store::App&, const runner::Deployment&, const ProgressLine&)>;
  void beforeLaunch(BeforeLaunch phase) { beforeLaunch_ = std::move(phase); }

  /// Row, image, tags and formation in one transaction; nothing is launched yet.
  store::Release create(const store::App& app, const ReleaseChange& change);
  /// Runs its release command, starts the release's processes, and marks it succeeded or failed.
  Released launch(const store::App& app, store::Release release, const ProgressLine& progress);
  /// Brings what runs in line with the current release and formation (scale, start of the daemon).
  runner::LaunchResult reconcile(const store::App& app);
  /// What the engine is asked to run for a release; nullopt without a slug.
  std::optional<runner::Deployment> deployment(const store::App& app, const store::Release& release);

 private:
  void addMetadata(store::ConfigVars& environment, const store::App& app, const store::Release& release,
                   const store::Slug& slug);
  /// The release's base, looked up; throws notFound.
  store::StackImage runImage(const std::string& stack, const std::optional<store::Digest>& pinned);
  void requireLayers(const store::Slug& slug);
  void attachImage(store::NewRelease& release, const store::App& app, const store::Slug& slug);
  store::ReleaseStore& store_;
  store::BlobStore& blobs_;
  runner::Engine& engine_;
  runner::AppLog& log_;
  const AppLimits& limits_;
  const DataFolder& folder_;
  const base::Clock& clock_;
  registry::StartLayers startLayers_{blobs_};
  std::function<void(const store::App&, const store::Release&)> onServing_ = [](const store::App&,
                                                                                const store::Release&) {};
  BeforeLaunch beforeLaunch_ = [](const auto&, const auto&, const auto&) { return std::nullopt; };
};

/// The formation that goes with these types: kept counts, `first` for types without one, else web=1 and the
/// others 0; types that are gone are dropped.
store::Formation nextFormation(const store::Formation& now, const store::ProcessTypes& types,
                               const store::Formation& first = {});

}  // namespace controller
