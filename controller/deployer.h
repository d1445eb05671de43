// The push story: from accepted objects to running processes.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "builder/app_json.h"
#include "builder/builder.h"
#include "controller/app_limits.h"
#include "controller/app_locks.h"
#include "controller/build_queue.h"
#include "controller/build_run.h"
#include "controller/data_folder.h"
#include "controller/public_urls.h"
#include "controller/releases.h"
#include "controller/slug_settings.h"
#include "controller/source_tree.h"
#include "controller/stack_service.h"
#include "sandbox/layer_store.h"
#include "store/blob_store.h"

namespace controller {

struct DeployerConfig {
  BuildQueue::Config queue;
  SourceLimits source;
};

/// Everything that the deployer works with; all outlive it.
struct DeployerParts {
  const DataFolder& folder;
  const PublicUrls& urls;
  store::ReleaseStore& store;
  store::BlobStore& blobs;
  sandbox::LayerStore& layers;
  builder::Builder& builder;
  StackService& stacks;
  Releases& releases;
  AppLocks& locks;
  const AppLimits& limits;
  const base::Clock& clock;
};

/// Builds run on the queue's workers; submit() returns at once. Thread-safe.
class Deployer {
 public:
  Deployer(DeployerConfig config, DeployerParts parts);

  /// Queues a build for a pushed commit, or attaches to the one that builds the same commit already.
  struct Submitted {
    std::shared_ptr<BuildRun> run;
    bool attached = false;
  };
  /// With the push option or the feature cancel-running the app's running build is cancelled. Throws
  /// invalidArgument for options that are not understood, overloaded when too many builds wait.
  Submitted submit(const gitd::PushRequest& request);
  /// The same for a tarball, which never attaches. No git ref is read or moved: the next push is judged by
  /// what was pushed before.
  Submitted submit(const store::App& app, TarballRequest request);
  /// Queues a build of the commit that the deployed branch says. Throws conflict when nothing was pushed yet,
  /// and for `deployed` when what is released came from a tarball, which is not kept.
  enum class Rebuild { deployed, pushed };
  Submitted rebuild(const store::App& app, const gitd::Identity& who, const std::vector<std::string>& options,
                    Rebuild what = Rebuild::deployed);
  std::size_t ahead(const BuildRun& run) { return queue_.ahead(run); }
  std::shared_ptr<BuildRun> find(std::int64_t buildId) { return queue_.findBuild(buildId); }
  /// Cancels a waiting or running build; false when it is launching or over.
  bool cancel(BuildRun& run, const std::string& why);
  void stop() { queue_.stop("the server is shutting down"); }

 private:
  std::shared_ptr<BuildRun> enqueue(const store::App& app, const store::NewBuild& build, BuildSource source);
  void work(const std::shared_ptr<BuildRun>& run);
  gitd::PushOutcome deploy(BuildRun& run);
  /// What the ref says now, when the run's commit may take its place; throws conflict otherwise. Of a tarball
  /// nothing.
  std::optional<std::string> replaceable(const BuildRun& run) const;
  struct Source {
    SourceTree tree;
    store::ConfigVars firstConfig;  // what app.json gives an app at its first deploy
    store::Formation firstFormation;
    SlugSettings settings;  // of app.json, at every deploy
  };
  void readAppJson(BuildRun& run, Source& source);
  SourceTree obtainTree(BuildRun& run, const std::filesystem::path& folder);
  std::shared_ptr<const base::Fd> fetchTarball(BuildRun& run, const std::filesystem::path& folder);
  /// Without the source and what the app's files say.
  builder::BuildInput inputOf(BuildRun& run);
  builder::BuildOutcome build(BuildRun& run, const Source& source);
  std::optional<store::ConfigVars> firstConfig(const store::App& app, const Source& source);
  gitd::PushOutcome release(BuildRun& run, const Source& source, const builder::BuildSucceeded& built,
                            base::LapTimer& laps);
  gitd::PushOutcome launch(BuildRun& run, const store::Release& release,
                           const std::optional<std::string>& oldId);
  std::optional<gitd::PushOutcome> moveRef(BuildRun& run, const store::Release& release,
                                           const std::optional<std::string>& oldId);
  void endCancelled(BuildRun& run);

  const DeployerConfig config_;
  DeployerParts parts_;
  BuildQueue queue_;
};

}  // namespace controller
