#include "controller/app_rename.h"

#include <system_error>

#include "base/atomic_file.h"
#include "base/error.h"
#include "base/log.h"
#include "base/strings.h"
#include "controller/app_operations.h"
#include "controller/domain_operations.h"
#include "controller/log_drains.h"
#include "controller/release_operations.h"

namespace controller {
namespace {

using base::Errc;
using base::Error;

/// `remove`: what is at `to` is nobody's, for the name was free.
template <typename Remove>
void move(const std::filesystem::path& from, const std::filesystem::path& to, Remove remove) {
  if (!std::filesystem::exists(from)) return;  // moved already
  remove(to);
  std::filesystem::create_directories(to.parent_path());
  std::filesystem::rename(from, to);
  base::fsyncFolder(to.parent_path());
}

void moveFolders(const DataFolder& folder, sandbox::ForeignTrees& trees, const store::AppName& from,
                 const store::AppName& to) {
  move(folder.repository(from), folder.repository(to), base::removeTree);
  move(folder.cache(from), folder.cache(to), [&](const auto& path) { trees.remove(path); });
  move(folder.buildLogs(from), folder.buildLogs(to), base::removeTree);
}

void requireNoBuild(const CommandParts& parts, const store::App& app) {
  constexpr std::size_t kNewest = 20;
  for (const store::Build& build : parts.store.builds(app.id, kNewest))
    if (parts.deployer.find(build.id))
      throw Error(Errc::conflict, "build " + std::to_string(build.number) + " of " + app.name.str() +
                                      " is under way: wait for it, or cancel it with fairlead builds:cancel");
}

/// One-off processes are known by the app's name: their logs, limits and ends are told under it.
std::string oneOffInTheWay(const CommandParts& parts, const store::App& app) {
  if (parts.oneOffs == nullptr) return "";
  const auto running = parts.oneOffs->processes(app.name);
  if (running.empty()) return "";
  const std::string& name = running.front().name;
  return name + " of " + app.name.str() + " runs: wait for its end, or end it with fairlead run:stop " +
         name + ", and rename again";
}

/// What runs comes up under the new name beside the old; nothing is changed when it does not, or when a
/// one-off process has begun meanwhile.
void launchAs(const CommandParts& parts, const store::App& app, const store::App& renamed) {
  runner::LaunchResult result = runner::Launched{};
  if (const auto deployment = parts.releases.deployment(renamed, parts.store.currentRelease(renamed.id)))
    result = parts.engine.deploy(*deployment, [](std::string_view) {}, {});
  const std::string inTheWay = oneOffInTheWay(parts, app);
  if (!std::holds_alternative<runner::LaunchFailed>(result) && inTheWay.empty()) return;
  parts.engine.remove(renamed.name);
  parts.appLog.remove(renamed.name);
  requireLaunched(result);
  throw Error(Errc::conflict, inTheWay);
}

}  // namespace

store::App renameApp(const CommandParts& parts, const std::string& user, const store::App& app,
                     const std::string& newName) {
  const store::AppName name = store::AppName::parse(newName);
  if (name == app.name) return app;
  const auto names = parts.locks.lock(kAppNames);
  const auto lease = parts.locks.lock(app.id);
  parts.store.requireNameIsFree(name);
  requireNoBuild(parts, app);
  if (const std::string inTheWay = oneOffInTheWay(parts, app); !inTheWay.empty())
    throw Error(Errc::conflict, inTheWay);
  store::App renamed = parts.store.getApp(app.id);
  renamed.name = name;
  parts.appLog.beginRename(app.name, name);
  launchAs(parts, app, renamed);
  parts.store.renameApp(app.id, name);
  moveFolders(parts.folder, parts.trees, app.name, name);
  tellRoutes(parts, renamed);
  // Before the old name's log goes: a drain that writes of itself would make it again.
  if (parts.drains != nullptr) parts.drains->refresh();
  parts.engine.remove(app.name);
  parts.appLog.endRename(app.name, name);
  parts.store.endRename(app.id);
  parts.appLog.append(name, "api", "renamed from " + app.name.str() + " by " + user);
  base::Log("controller")
      .info("app renamed", {{"app", name.str()}, {"from", app.name.str()}, {"user", user}});
  return renamed;
}

void finishRenames(const DataFolder& folder, store::ReleaseStore& store, runner::AppLog& log,
                   sandbox::ForeignTrees& trees) {
  for (const auto& [app, from] : store.pendingRenames()) {
    moveFolders(folder, trees, from, app.name);
    log.endRename(from, app.name);
    store.endRename(app.id);
    base::Log("controller").info("app renamed at last", {{"app", app.name.str()}, {"from", from.str()}});
  }
}

}  // namespace controller
