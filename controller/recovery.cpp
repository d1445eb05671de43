#include "controller/recovery.h"

#include "base/atomic_file.h"
#include "base/error.h"
#include "base/log.h"
#include "controller/app_rename.h"
#include "gitd/repository.h"

namespace controller {
namespace {

/// Containers of the engine are called APP.vN.…, those of one-off processes APP.run.N.…, of which only
/// detached ones are left here; all others are of builds.
std::optional<store::AppName> runningApp(const std::string& containerId) {
  const auto dot = containerId.find('.');
  if (dot == std::string::npos) return std::nullopt;
  const std::string_view rest = std::string_view(containerId).substr(dot);
  if (!rest.starts_with(".v") && !rest.starts_with(".run.")) return std::nullopt;
  return store::AppName::tryParse(containerId.substr(0, dot));
}

/// Of apps that were destroyed or renamed when the daemon was killed: their hosts are nobody's again.
void removeLeftApps(const RecoveryParts& parts) {
  for (const store::AppName& app : parts.engine.apps()) {
    if (parts.store.findApp(app)) continue;
    base::Log("controller").info("removing what runs of an app that is gone", {{"app", app.str()}});
    parts.engine.remove(app);
  }
}

void removeLeftContainers(const RecoveryParts& parts) {
  for (const std::string& id : parts.runtime.list()) {
    const auto app = runningApp(id);
    if (app && parts.store.findApp(*app)) continue;
    base::Log("controller").info("removing a container that was left", {{"container", id}});
    parts.runtime.remove(id);
  }
}

/// A repository without an app is what a crash in apps:create or apps:destroy leaves.
void removeStrayRepositories(const RecoveryParts& parts) {
  for (const auto& entry : std::filesystem::directory_iterator(parts.folder.repositories())) {
    const std::string file = entry.path().filename().string();
    const auto name =
        file.ends_with(".git") ? store::AppName::tryParse(file.substr(0, file.size() - 4)) : std::nullopt;
    if (name && parts.store.findApp(*name))
      gitd::sweepQuarantines(entry.path());
    else
      base::removeTree(entry.path());
  }
}

void recoverApp(const RecoveryParts& parts, const store::App& app) {
  const auto lease = parts.locks.lock(app.id);
  if (!parts.store.findApp(app.name)) return;
  const store::Release current = parts.store.currentRelease(app.id);
  if (current.state == store::ReleaseState::pending) {
    const Released released = parts.releases.launch(app, current, [](std::string_view) {});
    if (released.failed) parts.releases.reconcile(app);
  } else {
    parts.releases.reconcile(app);
  }
  const auto deployed = parts.store.deployedCommit(app.id);
  const auto repository = parts.folder.repository(app.name);
  if (!deployed || gitd::readRef(repository, deployed->ref) == deployed->commit) return;
  gitd::forceRef(repository, deployed->ref, deployed->commit);
  if (app.deployBranch.empty()) {
    parts.store.setDeployBranch(app.id, deployed->ref);
    gitd::setHead(repository, deployed->ref);
  }
  base::Log("controller")
      .info("git ref set to the released commit", {{"app", app.name.str()}, {"ref", deployed->ref}});
}

}  // namespace

void recoverBuilds(const RecoveryParts& parts) {
  for (const store::Build& build : parts.store.failInterruptedBuilds())
    base::Log("controller").info("build was interrupted", {{"build", build.uuid}, {"number", build.number}});
  removeLeftApps(parts);
  removeLeftContainers(parts);
  finishRenames(parts.folder, parts.store, parts.log, parts.trees);
  removeStrayRepositories(parts);
}

void recoverApps(const RecoveryParts& parts, std::stop_token stop) {
  for (const store::App& app : parts.store.apps()) {
    if (stop.stop_requested()) return;
    try {
      recoverApp(parts, app);
    } catch (const std::exception& error) {
      base::Log("controller")
          .error("an app could not be brought up", {{"app", app.name.str()}, {"error", error.what()}});
    }
  }
}

}  // namespace controller
