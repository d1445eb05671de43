// access, access:add, access:update, access:remove, apps:transfer
#include "base/error.h"
#include "base/strings.h"
#include "controller/app_operations.h"
#include "controller/command_set.h"
#include "controller/render.h"

namespace controller {
namespace {

store::Permission permissionOf(const Invocation& call) {
  const auto word = call.option("permissions");
  const auto permission = word ? store::parsePermission(*word) : std::nullopt;
  if (permission) return *permission;
  throw base::Error(
      base::Errc::invalidArgument,
      (word ? "there is no permission \"" + base::printable(*word) + "\""
            : std::string("which permission?")) +
          ": use --permissions with view, deploy, operate or manage; each holds those before it");
}

int listAccess(const Invocation& call) {
  const store::App app = call.app();
  auto json = base::makeJsonArray();
  json->add(renderOwner(app));
  std::vector<std::vector<std::string>> rows{{"=== " + app.name.str() + " Access"}, {app.owner, "owner"}};
  for (const auto& each : call.parts.accounts.collaborators(app.id)) {
    json->add(renderCollaborator(app, each));
    rows.push_back({each.user, std::string(name(each.permission))});
  }
  call.print(json, table(rows));
  return 0;
}

int addAccess(const Invocation& call) {
  const store::App app = call.app();
  const auto added = call.parts.accounts.addCollaborator(app.id, call.args[0], permissionOf(call));
  call.print(renderCollaborator(app, added),
             added.user + " may " + std::string(name(added.permission)) + " " + app.name.str() + "\n");
  return 0;
}

int updateAccess(const Invocation& call) {
  const store::App app = call.app();
  const auto now = call.parts.accounts.updateCollaborator(app.id, call.args[0], permissionOf(call));
  call.print(renderCollaborator(app, now), now.user + " may " + std::string(name(now.permission)) + " " +
                                               app.name.str() + " from now on\n");
  return 0;
}

int removeAccess(const Invocation& call) {
  const store::App app = call.app();
  call.parts.accounts.removeCollaborator(app.id, call.args[0]);
  auto json = base::makeJsonObject();
  json->set("app", app.name.str());
  json->set("user", call.args[0]);
  call.print(json, call.args[0] + " has no access to " + app.name.str() + " any more\n");
  return 0;
}

int transferApp(const Invocation& call) {
  const store::App app = call.parts.accounts.transferApp(call.app().id, call.args[0]);
  call.print(appJson(call.parts, app), app.name.str() + " belongs to " + app.owner + "\n");
  return 0;
}

}  // namespace

std::vector<CommandSpec> accessCommands() {
  return {
      {"access", "-a APP", "list who may do what with an app", 0, 0, {}, listAccess, Action::viewApp},
      {"access:add",
       "USER --permissions view|deploy|operate|manage -a APP",
       "let a user work on an app",
       1,
       1,
       {"permissions="},
       addAccess,
       Action::manageApp},
      {"access:update",
       "USER --permissions view|deploy|operate|manage -a APP",
       "let a collaborator do more or less",
       1,
       1,
       {"permissions="},
       updateAccess,
       Action::manageApp},
      {"access:remove",
       "USER -a APP",
       "take a collaborator's access away",
       1,
       1,
       {},
       removeAccess,
       Action::manageApp},
      {"apps:transfer",
       "USER -a APP",
       "give an app to another user",
       1,
       1,
       {},
       transferApp,
       Action::manageApp},
  };
}

}  // namespace controller
