// apps, apps:create, apps:info, apps:destroy
#include <array>
#include <random>

#include "base/atomic_file.h"
#include "base/error.h"
#include "base/log.h"
#include "base/strings.h"
#include "controller/command_set.h"
#include "controller/render.h"
#include "gitd/repository.h"

namespace controller {
namespace {

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

int listApps(const Invocation& call) {
  auto json = base::makeJsonArray();
  std::vector<std::vector<std::string>> rows;
  for (const store::App& app : call.parts.store.apps()) {
    json->add(renderApp(app, call.parts.urls));
    rows.push_back({app.name.str(), call.parts.urls.web(app.name)});
  }
  call.print(json,
             rows.empty() ? "There are no apps yet: make one with fairlead apps:create NAME\n" : table(rows));
  return 0;
}

git::ObjectFormat objectFormat(const Invocation& call) {
  const std::string word = call.option("object-format").value_or("sha1");
  if (const auto format = git::parseObjectFormat(word)) return *format;
  throw base::Error(base::Errc::invalidArgument,
                    "there is no object format \"" + base::printable(word, 20) + "\": use sha1 or sha256");
}

int createApp(const Invocation& call) {
  store::ReleaseStore& store = call.parts.store;
  const git::ObjectFormat format = objectFormat(call);
  const store::AppName name = call.args.empty() ? inventName(store) : store::AppName::parse(call.args[0]);
  if (store.findApp(name))
    throw base::Error(base::Errc::alreadyExists, "the name " + name.str() + " is taken: choose another");
  // A repository without a row is what a crash between the two leaves: nobody can reach it, and it is empty.
  const auto repository = call.parts.folder.repository(name);
  base::removeTree(repository);
  gitd::createRepository(repository, format);
  const store::App app = store.createApp(
      {.name = name, .stack = call.option("stack").value_or("debian-12"), .owner = call.caller.user});
  call.parts.appLog.append(name, "api", "app created by " + call.caller.user);
  const std::string url = call.parts.urls.git(name);
  call.print(
      renderApp(app, call.parts.urls),
      "Creating " + name.str() + "... done\n" + call.parts.urls.web(name) + " | " + url + "\n" +
          "Next: " + (format == git::ObjectFormat::sha256 ? "git init --object-format=sha256 && " : "") +
          "git remote add fairlead " + url + " && git push fairlead HEAD\n");
  return 0;
}

int appInfo(const Invocation& call) {
  const store::App app = call.app();
  const store::Release current = call.parts.store.currentRelease(app.id);
  std::string types;
  for (const auto& [type, count] : call.parts.store.formation(app.id))
    types += (types.empty() ? "" : ", ") + type + ": " + std::to_string(count);
  call.print(renderApp(app, call.parts.urls),
             table({{"=== " + app.name.str()},
                    {"Web URL:", call.parts.urls.web(app.name)},
                    {"Git URL:", call.parts.urls.git(app.name)},
                    {"Image:", current.manifest ? call.parts.urls.image(app.name, current.version)
                                                : "none yet: push to make one"},
                    {"Release:", current.version.str() + " (" + current.description + ")"},
                    {"Stack:", app.stack},
                    {"Processes:", types.empty() ? "none" : types},
                    {"Owner:", app.owner},
                    {"Created:", base::toRfc3339(app.createdAt)}}));
  return 0;
}

int destroyApp(const Invocation& call) {
  const store::App app = call.app();
  if (call.option("confirm").value_or("") != app.name.str())
    throw base::Error(base::Errc::invalidArgument,
                      "this destroys the app with its releases, its repository and its logs: add --confirm " +
                          app.name.str());
  for (const store::Build& build : call.parts.store.builds(app.id, 20)) {
    if (const auto run = call.parts.deployer.find(build.id))
      call.parts.deployer.cancel(*run, "the app was destroyed");
  }
  const auto lease = call.parts.locks.lock(app.id);
  // Processes first: what crashes after this can be repeated; the row goes last of all that people can reach.
  call.parts.engine.remove(app.name);
  call.parts.store.destroyApp(app.id);
  base::removeTree(call.parts.folder.repository(app.name));
  base::removeTree(call.parts.folder.cache(app.name));
  base::removeTree(call.parts.folder.buildLogs(app.name));
  call.parts.appLog.remove(app.name);
  base::Log("controller").info("app destroyed", {{"app", app.name.str()}, {"user", call.caller.user}});
  call.print(renderApp(app, call.parts.urls), "Destroying " + app.name.str() + "... done\n");
  return 0;
}

}  // namespace

std::vector<CommandSpec> appCommands() {
  return {
      {"apps", "", "list the apps", 0, 0, {}, listApps},
      {"apps:create",
       "[NAME] [--stack STACK] [--object-format sha1|sha256]",
       "make an app",
       0,
       1,
       {"stack=", "object-format="},
       createApp},
      {"apps:info", "-a APP", "show an app", 0, 0, {}, appInfo},
      {"apps:destroy",
       "-a APP --confirm APP",
       "remove an app and all that is its",
       0,
       0,
       {"confirm="},
       destroyApp},
  };
}

}  // namespace controller
