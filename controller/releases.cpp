#include "controller/releases.h"

#include "base/error.h"
#include "base/log.h"
#include "controller/app_features.h"
#include "controller/check_operations.h"
#include "controller/source_tree.h"
#include "controller/volume_operations.h"
#include "registry/release_image.h"

namespace controller {
namespace {

/// Of a release that is or will be: what its processes and its image get.
template <typename AnyRelease>
store::ConfigVars runEnvironment(const AnyRelease& release, const store::Slug& slug) {
  store::ConfigVars environment = configFor(store::ConfigScope::run, release.config, release.configScopes);
  for (const auto& [key, value] : slug.defaultConfig)
    environment.emplace(key, value);
  return environment;
}

}  // namespace

store::Formation nextFormation(const store::Formation& now, const store::ProcessTypes& types,
                               const store::Formation& first) {
  store::Formation next;
  for (const auto& [type, command] : types) {
    if (type == kReleaseType) continue;
    const auto kept = now.find(type);
    const auto wished = first.find(type);
    if (kept != now.end())
      next[type] = kept->second;
    else if (wished != first.end())
      next[type] = wished->second;
    else
      next[type] = type == "web" ? 1 : 0;
  }
  return next;
}

Releases::Releases(store::ReleaseStore& store, store::BlobStore& blobs, runner::Engine& engine,
                   runner::AppLog& log, const AppLimits& limits, const DataFolder& folder,
                   const base::Clock& clock)
    : store_(store),
      blobs_(blobs),
      engine_(engine),
      log_(log),
      limits_(limits),
      folder_(folder),
      clock_(clock) {}

/// What a process may want to know about itself: under our names, and on request under Heroku's.
void Releases::addMetadata(store::ConfigVars& environment, const store::App& app,
                           const store::Release& release, const store::Slug& slug) {
  environment["FAIRLEAD_APP_NAME"] = app.name.str();
  environment["FAIRLEAD_RELEASE_VERSION"] = release.version.str();
  environment["FAIRLEAD_SLUG_COMMIT"] = slug.commit;
  if (!store_.features(app.id).contains(std::string(kDynoMetadata))) return;
  environment["HEROKU_APP_ID"] = app.uuid;
  environment["HEROKU_APP_NAME"] = app.name.str();
  environment["HEROKU_RELEASE_VERSION"] = release.version.str();
  environment["HEROKU_RELEASE_CREATED_AT"] = base::toRfc3339(release.createdAt);
  environment["HEROKU_SLUG_COMMIT"] = slug.commit;
  environment["HEROKU_SLUG_DESCRIPTION"] = release.description;
}

store::StackImage Releases::runImage(const std::string& stack, const std::optional<store::Digest>& pinned) {
  if (pinned) {
    if (auto image = store_.findRunImage(*pinned)) return *std::move(image);
    throw base::Error(base::Errc::notFound, "the run image " + pinned->str() + " of " + stack +
                                                " is not here any more: push again to build on what is");
  }
  if (auto found = store_.findStack(stack)) return std::move(found->run);
  throw base::Error(base::Errc::notFound,
                    "the stack " + stack + " is not here: make it with: fairlead stacks:create " + stack);
}

/// The slug's rows keep its layers, so that what is here now stays.
void Releases::requireLayers(const store::Slug& slug) {
  store::requireKept(slug);
  for (const store::Layer& layer : slug.layers) {
    if (blobs_.size(layer.blob.digest) == layer.blob.sizeBytes) continue;
    throw base::Error(base::Errc::conflict, "the slug's layer " + layer.blob.digest.str() +
                                                " is not here any more: push the commit again");
  }
}

void Releases::attachImage(store::NewRelease& release, const store::App& app, const store::Slug& slug) {
  const store::StackImage base = runImage(release.stack, release.runImage);
  release.runImage = base.manifest;
  const auto build = release.succeededBuild ? std::optional(store_.getBuild(*release.succeededBuild))
                                            : store_.findBuildOfSlug(slug.id);
  const store::Layer startLayer = startLayers_.get(slug.processTypes);
  release.image = registry::assembleReleaseImage(blobs_, {.stackName = release.stack,
                                                          .runImage = base,
                                                          .slug = slug,
                                                          .appName = app.name.str(),
                                                          .version = release.version,
                                                          .environment = runEnvironment(release, slug),
                                                          .commit = slug.commit,
                                                          .createdAt = clock_.now(),
                                                          .build = build,
                                                          .startLayer = startLayer});
  release.tags = {release.version.str()};
  if (isCommitId(slug.commit)) release.tags.push_back("git-" + slug.commit.substr(0, 12));
}

store::Release Releases::create(const store::App& app, const ReleaseChange& change) {
  // Another release cannot come in between while the caller holds the app's lease; the version is compared
  // all the same when the row is written.
  const store::Release current = store_.currentRelease(app.id);
  store::NewRelease next{.app = app.id,
                         .version = store_.nextVersion(app.id),
                         .slug = change.slug ? change.slug : current.slug,
                         .config = change.config.value_or(current.config),
                         .configScopes = change.configScopes.value_or(current.configScopes),
                         .stack = app.stack,
                         .description = change.description,
                         .user = change.user};
  std::erase_if(next.configScopes, [&](const auto& each) { return !next.config.contains(each.first); });
  next.succeededBuild = change.succeededBuild;
  if (next.slug) {
    const store::Slug slug = store_.getSlug(*next.slug);
    requireLayers(slug);
    ReleaseBase base{current.stack, current.runImage};
    if (change.slug) base = {slug.stack, std::nullopt};
    if (change.base) base = *change.base;
    next.stack = base.stack;
    next.runImage = base.runImage;
    attachImage(next, app, slug);
    next.formation = nextFormation(store_.formation(app.id), slug.processTypes, change.firstFormation);
  } else {
    next.state = store::ReleaseState::succeeded;
  }
  const store::Release release = store_.createRelease(next);
  log_.append(app.name, "release",
              release.version.str() + " by " + release.user + ": " + release.description);
  base::Log("controller")
      .info("release created",
            {{"app", app.name.str()}, {"release", release.version.str()}, {"user", release.user}});
  return release;
}

std::optional<runner::Deployment> Releases::deployment(const store::App& app, const store::Release& release) {
  if (!release.slug) return std::nullopt;
  const store::Slug slug = store_.getSlug(*release.slug);
  runner::Deployment deployment{.app = app.name, .release = release.version};
  deployment.layers = runImage(release.stack, release.runImage).layers;
  deployment.layers.insert(deployment.layers.end(), slug.layers.begin(), slug.layers.end());
  deployment.layers.push_back(startLayers_.get(slug.processTypes));
  deployment.environment = runEnvironment(release, slug);
  addMetadata(deployment.environment, app, release, slug);
  deployment.types = slug.processTypes;
  deployment.formation = store_.formation(app.id);
  const auto settings = store_.settings(app.id);
  deployment.sizes = limits_.ownSizes(settings, slug.processTypes);
  deployment.checks =
      store::mergeChecks(store::parseChecksText(slug.checks, "the slug's checks"), ownChecks(settings));
  deployment.volumes = volumeMounts(volumesOf(settings), folder_.volumes(app.uuid));
  return deployment;
}

Released Releases::launch(const store::App& app, store::Release release, const ProgressLine& progress) {
  const auto deployment = this->deployment(app, release);
  if (!deployment) return {release, std::nullopt};
  runner::LaunchResult result = runner::Launched{};
  try {
    if (auto failed = beforeLaunch_(app, *deployment, progress))
      result = std::move(*failed);
    else
      result = engine_.deploy(*deployment, progress, {});
  } catch (...) {
    store_.setReleaseState(release.id,
                           store::ReleaseState::failed);  // or it would stay pending, and be the current one
    throw;
  }
  auto* failed = std::get_if<runner::LaunchFailed>(&result);
  release.state = failed ? store::ReleaseState::failed : store::ReleaseState::succeeded;
  store_.setReleaseState(release.id, release.state);
  if (!failed) {
    onServing_(app, release);
    return {release, std::nullopt};
  }
  log_.append(app.name, "release",
              release.version.str() + " failed: " + failed->process + " " + failed->reason);
  return {release, std::move(*failed)};
}

runner::LaunchResult Releases::reconcile(const store::App& app) {
  const auto deployment = this->deployment(app, store_.currentRelease(app.id));
  if (!deployment) return runner::Launched{};
  return engine_.deploy(*deployment, [](std::string_view) {}, {});
}

}  // namespace controller
