#include "controller/app_operations.h"

#include <array>
#include <random>

#include "base/atomic_file.h"
#include "base/error.h"
#include "base/log.h"
#include "base/strings.h"
#include "controller/log_drains.h"
#include "controller/render.h"
#include "gitd/repository.h"
#include "store/domain_store.h"

namespace controller {
namespace {

constexpr const char* kDefaultStack = "debian-12";

/// "calm-harbor-4821", for who has no name in mind.
store::AppName inventName(store::ReleaseStore& store) {
  static constexpr std::array kFirst{"calm", "brisk", "clear", "deep",   "eager", "fair",
                                     "keen", "mild",  "quiet", "steady", "swift", "warm"};
  static constexpr std::array kSecond{"anchor", "beacon", "cable",   "deck", "harbor", "hull",
                                      "keel",   "mast",   "mooring", "pier", "rudder", "sail"};
  std::random_device random;
  while (true) {
    const auto name = store::AppName::parse(std::string(kFirst[random() % kFirst.size()]) + "-" +
                                            kSecond[random() % kSecond.size()] + "-" +
                                            std::to_string(1000 + random() % 9000));
    if (!store.findApp(name)) return name;
  }
}

std::string chosenStack(store::ReleaseStore& store, const std::optional<std::string>& wish) {
  // The default one may still be on its way (createMissing).
  if (!wish || *wish == kDefaultStack || store.findStack(*wish)) return wish.value_or(kDefaultStack);
  throw base::Error(base::Errc::notFound, "there is no stack \"" + base::printable(*wish) +
                                              "\": list them with fairlead stacks, or bring it here with "
                                              "fairlead stacks:import");
}

}  // namespace

store::App createApp(const CommandParts& parts, const std::string& user, const AppWish& wish) {
  const auto lease = parts.locks.lock(kAppNames);
  const store::AppName name = wish.name ? store::AppName::parse(*wish.name) : inventName(parts.store);
  const std::string stack = chosenStack(parts.store, wish.stack);
  if (parts.store.findApp(name))
    throw base::Error(base::Errc::alreadyExists, "the name " + name.str() + " is taken: choose another");
  // A repository without a row is what a crash between the two leaves: nobody can reach it, and it is empty.
  const auto repository = parts.folder.repository(name);
  base::removeTree(repository);
  parts.appLog.remove(name);
  gitd::createRepository(repository, wish.format);
  const store::App app = parts.store.createApp({.name = name, .stack = stack, .owner = user});
  parts.appLog.append(name, "api", "app created by " + user);
  return app;
}

void destroyApp(const CommandParts& parts, const std::string& user, const store::App& app) {
  for (const store::Build& build : parts.store.builds(app.id, 20)) {
    if (const auto run = parts.deployer.find(build.id)) parts.deployer.cancel(*run, "the app was destroyed");
  }
  const auto lease = parts.locks.lock(app.id);
  // Processes first: what crashes after this can be repeated; the row goes last of all that people can reach.
  if (parts.oneOffs != nullptr) parts.oneOffs->stop(app.name, "");
  parts.engine.remove(app.name);
  parts.store.destroyApp(app.id);
  // What began meanwhile: whoever starts one looks afterwards whether the app is still there.
  if (parts.oneOffs != nullptr) parts.oneOffs->stop(app.name, "");
  if (parts.drains != nullptr) parts.drains->refresh();
  base::removeTree(parts.folder.repository(app.name));
  parts.trees.remove(parts.folder.cache(app.name));
  base::removeTree(parts.folder.buildLogs(app.name));
  parts.appLog.remove(app.name);
  parts.trees.remove(parts.folder.volumes(app.uuid));
  base::Log("controller").info("app destroyed", {{"app", app.name.str()}, {"user", user}});
}

void setStack(const CommandParts& parts, const store::App& app, const std::string& stack) {
  parts.store.setStack(app.id, chosenStack(parts.store, stack));
}

store::App appNamed(store::ReleaseStore& store, const std::string& nameOrId) {
  const auto name = store::AppName::tryParse(nameOrId);
  if (auto app = name ? store.findApp(*name) : std::nullopt) return *std::move(app);
  if (auto app = store.findAppByUuid(nameOrId)) return *std::move(app);
  throw base::Error(base::Errc::notFound,
                    "there is no app \"" + base::printable(nameOrId) +
                        "\": list them with fairlead apps, or make it with fairlead apps:create NAME");
}

base::JsonObject::Ptr appJson(const CommandParts& parts, const store::App& app) {
  auto json = renderApp(app, parts.store.currentHead(app.id), parts.urls);
  json->set("maintenance", store::DomainStore(parts.store).maintenance(app.id));
  return json;
}

}  // namespace controller
