#include "controller/deployer.h"

#include <fcntl.h>

#include <chrono>

#include "base/error.h"
#include "base/log.h"
#include "base/strings.h"
#include "controller/app_features.h"
#include "controller/config_secrets.h"
#include "controller/network_policy.h"
#include "controller/work_folder.h"
#include "gitd/repository.h"

namespace controller {
namespace {

std::map<std::string, std::int64_t> inMs(const base::LapTimer& laps) {
  std::map<std::string, std::int64_t> phases;
  for (const auto& [phase, time] : laps.times())
    phases[phase] = std::chrono::round<std::chrono::milliseconds>(time).count();
  return phases;
}

/// Until a worker took it.
base::LapTimer lapsOf(const BuildRun& run) {
  using std::chrono::milliseconds;
  const gitd::PushRequest* push = run.push();
  base::LapTimer laps(push ? push->checkedAt - milliseconds(push->receiveMs) : run.queuedAt());
  if (push) {
    laps.lap("receive", push->checkedAt - milliseconds(push->checkMs));
    laps.lap("check", push->checkedAt);
    laps.lap("accept", run.queuedAt());
  }
  laps.lap("queue", run.startedAt());
  return laps;
}

std::string buildName(const store::App& app, const store::Build& build) {
  return app.name.str() + "-b" + std::to_string(build.number);
}

/// Of the release that the build becomes.
std::string describe(const BuildRun& run) {
  constexpr std::size_t kShown = 40;
  if (!run.options().message.empty()) return run.options().message;
  const std::string& version = run.build().commit;
  if (run.tarball() == nullptr || isCommitId(version)) return "Deploy " + version.substr(0, 8);
  return version.empty() ? "Deploy a tarball" : "Deploy " + base::printable(version, kShown);
}

std::optional<std::string> expectedOld(const gitd::RefUpdate& update) {
  return update.isCreate() ? std::nullopt : std::optional(update.oldId);
}

}  // namespace

Deployer::Deployer(DeployerConfig config, DeployerParts parts)
    : config_(config),
      parts_(parts),
      queue_(
          config.queue, [this](const std::shared_ptr<BuildRun>& run) { work(run); },
          [this](const std::shared_ptr<BuildRun>& run) { endCancelled(*run); }) {}

Deployer::Submitted Deployer::submit(const gitd::PushRequest& request) {
  const store::App app = parts_.store.getApp(store::AppName::parse(request.repository.name));
  if (auto run = queue_.find(app.id, request.update.newId, request.update.ref)) return {std::move(run), true};
  return {enqueue(app,
                  {.app = app.id,
                   .commit = request.update.newId,
                   .ref = request.update.ref,
                   .user = request.identity.user},
                  request),
          false};
}

Deployer::Submitted Deployer::submit(const store::App& app, TarballRequest request) {
  const store::NewBuild build{
      .app = app.id,
      .commit = request.version,
      .ref = "",
      .user = request.identity.user,
      .tarball = store::TarballSource{withoutSecrets(request.url), request.checksum, request.description}};
  return {enqueue(app, build, std::move(request)), false};
}

std::shared_ptr<BuildRun> Deployer::enqueue(const store::App& app, const store::NewBuild& newBuild,
                                            BuildSource source) {
  std::visit([](const auto& each) { parsePushOptions(each.options); }, source);  // before there is a row
  const store::Build build = parts_.store.createBuild(newBuild);
  auto run = std::make_shared<BuildRun>(build, app, std::move(source),
                                        parts_.folder.buildLog(app.name, build.number),
                                        parts_.limits.logBytes(parts_.store.settings(app.id)));
  try {
    queue_.add(run);
  } catch (const base::Error& error) {
    parts_.store.endBuild(build.id, store::BuildState::failed, error.what());
    throw;
  }
  if (run->options().cancelRunning || parts_.store.features(app.id).contains(std::string(kCancelRunning))) {
    if (const auto running = queue_.findRunning(app.id); running && running != run)
      cancel(*running, "a newer push takes its place (cancel-running)");
  }
  return run;
}

Deployer::Submitted Deployer::rebuild(const store::App& app, const gitd::Identity& who,
                                      const std::vector<std::string>& options, Rebuild what) {
  const store::Release current = parts_.store.currentRelease(app.id);
  const auto made = current.slug ? parts_.store.findBuildOfSlug(*current.slug) : std::nullopt;
  if (what == Rebuild::deployed && made && made->tarball)
    throw base::Error(
        base::Errc::conflict,
        current.version.str() +
            " was built from a tarball, which is not kept: send it again with --source FILE, or use "
            "--pushed to build what was last pushed");
  const std::filesystem::path repository = parts_.folder.repository(app.name);
  const auto commit = app.deployBranch.empty() ? std::nullopt : gitd::readRef(repository, app.deployBranch);
  if (!commit)
    throw base::Error(base::Errc::conflict,
                      "nothing was pushed to " + app.name.str() + " yet: git push it first");
  return submit({.identity = who,
                 .repository = {app.name.str(), repository},
                 .update = {app.deployBranch, *commit, *commit},
                 .quarantine = nullptr,
                 .options = options});
}

bool Deployer::cancel(BuildRun& run, const std::string& why) {
  if (!run.cancel(why)) return false;
  if (queue_.takeOut(run)) endCancelled(run);
  return true;
}

void Deployer::endCancelled(BuildRun& run) {
  const std::string why = run.cancelReason();
  parts_.store.endBuild(run.build().id, store::BuildState::cancelled, why);
  run.log().error("Build cancelled: " + why);
  run.finish({false, "build cancelled: " + why});
}

void Deployer::work(const std::shared_ptr<BuildRun>& run) {
  const base::Log log("controller");
  const store::ActingAs acting(run->actor());
  try {
    run->noteStart();
    parts_.store.startBuild(run->build().id);
    gitd::PushOutcome outcome = deploy(*run);
    run->finish(std::move(outcome));
  } catch (const std::exception& failure) {
    if (run->stopToken().stop_requested()) return endCancelled(*run);
    log.warn("build failed", {{"app", run->app().name.str()},
                              {"build", run->build().number},
                              {"error", run->log().masked(failure.what())}});
    const std::string reason = run->log().masked(base::publicMessage(failure));
    run->log().error(reason);
    parts_.store.endBuild(run->build().id, store::BuildState::failed, reason);
    run->finish({false, reason});
  }
}

std::optional<std::string> Deployer::replaceable(const BuildRun& run) const {
  const store::App app = parts_.store.getApp(run.app().id);  // it may have been destroyed meanwhile
  if (run.tarball() != nullptr) return std::nullopt;
  const gitd::PushRequest& request = *run.push();
  const auto& update = request.update;
  if (!app.deployBranch.empty() && app.deployBranch != update.ref)
    throw base::Error(base::Errc::conflict, "another push made " + app.deployBranch +
                                                " the deployed branch meanwhile: push to that one");
  const auto current = gitd::readRef(request.repository.path, update.ref);
  const bool onward =
      current && gitd::isAncestor(request.repository.path, request.quarantine.get(), *current, update.newId);
  if (current && !onward && parts_.store.features(app.id).contains(std::string(kRefuseNonFastForward)))
    throw base::Error(base::Errc::conflict,
                      "this app takes only what descends from what is deployed: git pull first, or use "
                      "features:disable " +
                          std::string(kRefuseNonFastForward) + " -a " + app.name.str());
  // While it waited, its own history may have been deployed: then it goes on from there.
  if (current == expectedOld(update) || onward) return current;
  throw base::Error(base::Errc::conflict,
                    "fetch first: " + update.ref + " was deployed by another push meanwhile");
}

gitd::PushOutcome Deployer::deploy(BuildRun& run) {
  base::LapTimer laps = lapsOf(run);
  replaceable(run);  // before time is spent
  run.log().hide(secretsOf(parts_.store, run.app().id));

  // Beside the builder's own folder, on the same file system: it takes the tree over by a rename.
  const WorkFolder folder(parts_.folder.builds() / (buildName(run.app(), run.build()) + ".source"));
  Source source;
  source.tree = obtainTree(run, folder.path());
  laps.lap(run.push() != nullptr ? "export" : "source");
  readAppJson(run, source);
  run.log().hide(secretsOf(parts_.store, run.app().id, source.firstConfig));
  builder::BuildOutcome outcome = build(run, source);
  laps.lapAround(outcome.phases, "prepare");
  parts_.store.setBuildPhases(run.build().id, inMs(laps));
  parts_.store.setBuildpacksUsed(run.build().id, outcome.buildpacks);
  if (std::holds_alternative<builder::BuildCancelled>(outcome.result)) {
    throw base::Error(base::Errc::cancelled, "build cancelled");
  }
  if (const auto* failed = std::get_if<builder::BuildFailed>(&outcome.result)) {
    const std::string reason = run.log().masked(failed->reason);
    parts_.store.endBuild(run.build().id, store::BuildState::failed, reason);
    run.log().error(std::string(run.push() != nullptr ? "Push rejected" : "Build failed") +
                    ": nothing was changed");
    return {false, "build failed: " + reason};
  }
  const auto& built = std::get<builder::BuildSucceeded>(outcome.result);
  const gitd::PushOutcome pushed = release(run, source, built, laps);
  laps.lap("launch");
  parts_.store.setBuildPhases(run.build().id, inMs(laps));
  return pushed;
}

SourceTree Deployer::obtainTree(BuildRun& run, const std::filesystem::path& folder) {
  const std::filesystem::path target = folder / "source";
  std::filesystem::create_directory(target);
  if (run.push() != nullptr) return exportCommit(run, target, config_.source);
  const auto uploaded = run.tarball()->file;
  return unpackTarball(run, uploaded ? *uploaded : *fetchTarball(run, folder), target, config_.source);
}

std::shared_ptr<const base::Fd> Deployer::fetchTarball(BuildRun& run, const std::filesystem::path& folder) {
  builder::BuildInput input = inputOf(run);
  input.id += "-source";
  input.source = folder / "nothing";
  std::filesystem::create_directory(input.source);
  const builder::SourceFetch fetch{
      .url = run.tarball()->url, .target = folder / "source.tar", .maxBytes = config_.source.maxTarballBytes};
  const auto stopped = parts_.builder.fetchSource(input, fetch, run.log(), run.stopToken());
  if (stopped) {
    const auto* failed = std::get_if<builder::BuildFailed>(&*stopped);
    throw base::Error(failed != nullptr ? base::Errc::invalidArgument : base::Errc::cancelled,
                      failed != nullptr ? failed->reason : "build cancelled");
  }
  return std::make_shared<const base::Fd>(base::openFile(fetch.target, O_RDONLY | O_NOFOLLOW));
}

/// An app's first deploy sets it up as its app.json says; later ones leave alone what people have changed.
/// Checks and cron belong to the source, and come with each.
void Deployer::readAppJson(BuildRun& run, Source& source) {
  const auto appJson = builder::readAppJson(source.tree.folder);
  if (!appJson) return;
  source.settings = slugSettings(*appJson, parts_.limits.cron());
  const store::Release current = parts_.store.currentRelease(run.app().id);
  if (current.slug) return;
  for (const auto& [name, wanted] : appJson->env) {
    if (current.config.contains(name)) continue;
    if (wanted.generateSecret) {
      constexpr std::size_t kSecretBytes = 32;
      source.firstConfig[name] = base::randomHex(kSecretBytes);
    } else if (wanted.value) {
      source.firstConfig[name] = *wanted.value;
    } else if (wanted.required) {
      throw base::Error(
          base::Errc::invalidArgument,
          "app.json requires the config var " + name +
              (wanted.description.empty() ? "" : " (" + base::printable(wanted.description) + ")") +
              ": set it with fairlead config:set " + name + "=VALUE -a " + run.app().name.str() +
              " and push again");
    }
  }
  for (const auto& [type, wish] : appJson->formation) {
    if (wish.quantity) source.firstFormation[type] = *wish.quantity;
  }
}

builder::BuildInput Deployer::inputOf(BuildRun& run) {
  const store::Stack stack = parts_.stacks.get(run.app().stack, run.log(), run.stopToken());
  const auto settings = parts_.store.settings(run.app().id);
  builder::BuildInput input{.id = buildName(run.app(), run.build()),
                            .source = {},
                            .cache = parts_.folder.cache(run.app().name, stack.variable()),
                            .stack = stack.variable(),
                            .stackLayers = {},
                            .commit = run.build().commit,
                            .config = {},
                            .buildpacks = {},
                            .submodules = {},
                            .useCache = !run.options().noCache,
                            .limits = parts_.limits.ofBuild(settings),
                            .network = networkOf(settings)};
  for (const store::Layer& layer : stack.build.layers) {
    input.stackLayers.push_back(
        parts_.layers.ensure(layer.blob.digest, [&] { return parts_.blobs.open(layer.blob.digest); }));
  }
  parts_.store.setStackImage(run.build().id, stack.build.manifest);
  return input;
}

builder::BuildOutcome Deployer::build(BuildRun& run, const Source& source) {
  builder::BuildInput input = inputOf(run);
  input.source = source.tree.folder;
  input.submodules = source.tree.submodules;
  const store::Release current = parts_.store.currentRelease(run.app().id);
  input.config = configFor(store::ConfigScope::build, current.config, current.configScopes);
  for (const auto& [name, value] : source.firstConfig)
    input.config.emplace(name, value);
  input.buildpacks =
      run.options().buildpacks.empty() ? parts_.store.buildpacks(run.app().id) : run.options().buildpacks;
  if (parts_.store.features(run.app().id).contains(std::string(kBuildInAppDir)))
    input.place = builder::BuildPlace::app;
  return parts_.builder.build(input, run.log(), run.stopToken());
}

/// The current config with what app.json adds to it; nullopt for no change.
std::optional<store::ConfigVars> Deployer::firstConfig(const store::App& app, const Source& source) {
  if (source.firstConfig.empty()) return std::nullopt;
  store::ConfigVars config = parts_.store.currentRelease(app.id).config;
  for (const auto& [name, value] : source.firstConfig)
    config.emplace(name, value);
  return config;
}

gitd::PushOutcome Deployer::release(BuildRun& run, const Source& source, const builder::BuildSucceeded& built,
                                    base::LapTimer& laps) {
  const auto lease = parts_.locks.lock(run.app().id);
  const std::optional<std::string> oldId = replaceable(run);
  const store::App app = parts_.store.getApp(run.app().id);
  if (run.options().dryRun) {
    parts_.store.endBuild(run.build().id, store::BuildState::cancelled, "dry run: built, not released");
    run.log().step("Dry run: built, not released");
    return {false, "dry run: built, not released"};
  }
  if (!run.beginLaunch()) throw base::Error(base::Errc::cancelled, "build cancelled");

  // Objects first, then the release's row, then the processes, then the ref: a start after a crash finds the
  // objects of every release, and sets the ref that a release asks for.
  run.log().step("Launching...");
  if (run.push() != nullptr && run.push()->quarantine) run.push()->quarantine->accept();
  const store::Slug slug =
      parts_.store.createSlug({.app = app.id,
                               .commit = run.build().commit,
                               .stack = run.app().stack,
                               .buildpack = parts_.store.getBuild(run.build().id).buildpack,
                               .layers = built.layers,
                               .processTypes = built.processTypes,
                               .defaultConfig = built.defaultConfig,
                               .checks = source.settings.checks,
                               .cron = source.settings.cron});
  const store::Release release = parts_.releases.create(app, {.description = describe(run),
                                                              .user = run.build().user,
                                                              .slug = slug.id,
                                                              .config = firstConfig(app, source),
                                                              .succeededBuild = run.build().id,
                                                              .firstFormation = source.firstFormation});
  laps.lap("commit");
  return launch(run, release, oldId);
}

gitd::PushOutcome Deployer::launch(BuildRun& run, const store::Release& release,
                                   const std::optional<std::string>& oldId) {
  const store::App& app = run.app();
  const Released released =
      parts_.releases.launch(app, release, [&](std::string_view line) { run.log().detail(line); });
  if (released.failed) {
    run.log().error("Release " + release.version.str() + " failed: " + released.failed->process + " " +
                    released.failed->reason);
    const bool said = released.failed->process.starts_with(std::string(kReleaseType) + ".");  // as it ran
    for (const std::string& line : said ? std::vector<std::string>() : released.failed->lastLines)
      run.log().detail(line);
    const bool first = !parts_.store.currentRelease(app.id).slug;
    run.log().error(std::string(first ? "Nothing was deployed before" : "The release before serves on") +
                    "; see: fairlead logs -a " + app.name.str());
    return {false, "release " + release.version.str() + " failed: " + released.failed->process + " " +
                       released.failed->reason};
  }
  if (run.push() != nullptr) {
    if (auto unmoved = moveRef(run, release, oldId)) return *std::move(unmoved);
  }
  run.log().detail("Released " + release.version.str());
  run.log().detail(parts_.urls.web(app.name) + " deployed to Fairlead");
  gitd::PushOutcome outcome{.accepted = true};
  if (run.push() != nullptr && oldId != expectedOld(run.push()->update)) outcome.oldId = oldId;
  return outcome;
}

/// What is said of the push when its release serves all the same.
std::optional<gitd::PushOutcome> Deployer::moveRef(BuildRun& run, const store::Release& release,
                                                   const std::optional<std::string>& oldId) {
  const gitd::RefUpdate& update = run.push()->update;
  const std::filesystem::path& repository = run.push()->repository.path;
  try {
    if (oldId != update.newId) gitd::updateRef(repository, update.ref, oldId, update.newId);
  } catch (const base::Error& error) {
    run.log().error("Release " + release.version.str() + " serves, but " + update.ref +
                    " could not be moved to it: " + error.what());
    return gitd::PushOutcome{
        false, "release " + release.version.str() + " serves, but the ref could not be moved: push again"};
  }
  if (parts_.store.getApp(run.app().id).deployBranch.empty()) {
    parts_.store.setDeployBranch(run.app().id, update.ref);
    gitd::setHead(repository, update.ref);
  }
  return std::nullopt;
}

}  // namespace controller
