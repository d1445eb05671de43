// access, access:add, access:update, access:remove, apps:transfer
#include "base/error.h"
#include "base/strings.h"
#include "controller/app_operations.h"
#include "controller/command_set.h"
#include "controller/render.h"

namespace controller {
namespace {

base::JsonObject::Ptr renderCollaborator(const store::Collaborator& collaborator, const store::App& app) {
  auto json = base::makeJsonObject();
  json->set("id", collaborator.uuid);
  json->set("app", app.name.str());
  json->set("user", collaborator.user);
  json->set("permission", std::string(name(collaborator.permission)));
  json->set("created_at", base::toRfc3339(collaborator.createdAt));
  return json;
}

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
  auto owner = base::makeJsonObject();
  owner->set("app", app.name.str());
  owner->set("user", app.owner);
  owner->set("permission", "owner");
  json->add(owner);
  std::vector<std::vector<std::string>> rows{{"=== " + app.name.str() + " Access"}, {app.owner, "owner"}};
  for (const auto& each : call.parts.accounts.collaborators(app.id)) {
    json->add(renderCollaborator(each, app));
    rows.push_back({each.user, std::string(name(each.permission))});
  }
  call.print(json, table(rows));
  return 0;
}

int addAccess(const Invocation& call) {
  const store::App app = call.app();
  const auto added = call.parts.accounts.addCollaborator(app.id, call.args[0], permissionOf(call));
  call.print(renderCollaborator(added, app),
             added.user + " may " + std::string(name(added.permission)) + " " + app.name.str() + "\n");
  return 0;
}

int updateAccess(const Invocation& call) {
  const store::App app = call.app();
  const auto now = call.parts.accounts.updateCollaborator(app.id, call.args[0], permissionOf(call));
  call.print(renderCollaborator(now, app), now.user + " may " + std::string(name(now.permission)) + " " +
                                               app.name.str() + " from now on\n");
  return 0;
}

int removeAccess(const Invocation& call) {
  const store::App app = call.app();
  call.parts.accounts.removeCollaborator(app.id, call.args[0]);
  call.print(call.args[0] + " has no access to " + app.name.str() + " any more\n");
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
