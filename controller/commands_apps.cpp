// apps, apps:create, apps:info, apps:rename, apps:destroy
#include "base/error.h"
#include "base/strings.h"
#include "controller/app_operations.h"
#include "controller/app_rename.h"
#include "controller/command_set.h"
#include "controller/render.h"

namespace controller {
namespace {

int listApps(const Invocation& call) {
  auto json = base::makeJsonArray();
  std::vector<std::vector<std::string>> rows;
  for (const store::App& app : call.parts.access.apps(call.caller)) {
    json->add(appJson(call.parts, app));
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

int create(const Invocation& call) {
  const git::ObjectFormat format = objectFormat(call);
  const store::App app = createApp(call.parts, call.caller.user,
                                   {.name = call.args.empty() ? std::nullopt : std::optional(call.args[0]),
                                    .stack = call.option("stack"),
                                    .format = format});
  const std::string url = call.parts.urls.git(app.name);
  call.print(
      appJson(call.parts, app),
      "Creating " + app.name.str() + "... done\n" + call.parts.urls.web(app.name) + " | " + url + "\n" +
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
  call.print(appJson(call.parts, app),
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

int rename(const Invocation& call) {
  const store::App before = call.app();
  const store::App app = renameApp(call.parts, call.caller.user, before, call.args[0]);
  const std::string url = call.parts.urls.git(app.name);
  call.print(appJson(call.parts, app), "Renaming " + before.name.str() + " to " + app.name.str() +
                                           "... done\n" + call.parts.urls.web(app.name) + " | " + url + "\n" +
                                           "Next: git remote set-url fairlead " + url + "\n");
  return 0;
}

int destroy(const Invocation& call) {
  const store::App app = call.app();
  if (call.option("confirm").value_or("") != app.name.str())
    throw base::Error(base::Errc::invalidArgument,
                      "this destroys the app with its releases, its repository and its logs: add --confirm " +
                          app.name.str());
  const auto json = appJson(call.parts, app);
  destroyApp(call.parts, call.caller.user, app);
  call.print(json, "Destroying " + app.name.str() + "... done\n");
  return 0;
}

}  // namespace

std::vector<CommandSpec> appCommands() {
  return {
      {"apps", "", "list the apps", 0, 0, {}, listApps, Action::identify},
      {"apps:create",
       "[NAME] [--stack STACK] [--object-format sha1|sha256]",
       "make an app",
       0,
       1,
       {"stack=", "object-format="},
       create,
       Action::createApp},
      {"apps:info", "-a APP", "show an app", 0, 0, {}, appInfo, Action::viewApp},
      {"apps:rename", "NEWNAME -a APP", "give an app another name", 1, 1, {}, rename, Action::manageApp},
      {"apps:destroy",
       "-a APP --confirm APP",
       "remove an app and all that is its",
       0,
       0,
       {"confirm="},
       destroy,
       Action::manageApp},
  };
}

}  // namespace controller
