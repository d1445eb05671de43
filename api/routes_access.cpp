// /apps/A/collaborators: who may do what with an app.
#include "api/route.h"
#include "api/shapes.h"
#include "base/error.h"
#include "base/strings.h"
#include "controller/render.h"
#include "store/account_store.h"

namespace api {
namespace {

using base::Errc;
using base::Error;
using controller::Action;

store::AccountStore& accounts(const Call& call) {
  return call.parts.control.accounts;
}

/// By the user's name or the collaboration's id; the owner is none.
store::Collaborator collaboratorNamed(const Call& call) {
  const std::string& wanted = call.word("user");
  for (store::Collaborator& each : accounts(call).collaborators(call.app().id))
    if (wanted == each.user || wanted == each.uuid) return std::move(each);
  throw Error(Errc::notFound, base::printable(wanted) + " is no collaborator of " + call.app().name.str() +
                                  ": see fairlead access");
}

base::JsonObject::Ptr json(const Call& call, const store::Collaborator& collaborator) {
  return controller::renderCollaborator(call.app(), collaborator);
}

Reply list(const Call& call) {
  Listing listing{.all = {controller::renderOwner(call.app())}, .fields = {"id", "created_at"}};
  for (const store::Collaborator& each : accounts(call).collaborators(call.app().id))
    listing.all.push_back(json(call, each));
  return page(call, std::move(listing));
}

Reply show(const Call& call) {
  return reply(json(call, collaboratorNamed(call)));
}

/// The strongest of those named, each of which holds those before it; without any: operate, which is what a
/// collaborator of Heroku's has.
store::Permission permissionIn(const Call& call) {
  if (!call.body->isArray("permissions")) return store::Permission::operate;
  store::Permission strongest = store::Permission::view;
  const auto words = call.body->getArray("permissions");
  for (unsigned i = 0; i < words->size(); ++i) {
    const auto permission = store::parsePermission(words->getElement<std::string>(i));
    if (!permission)
      throw Error(Errc::invalidArgument, "there is no permission \"" +
                                             base::printable(words->getElement<std::string>(i)) +
                                             "\": there are view, deploy, operate and manage");
    strongest = std::max(strongest, *permission);
  }
  return strongest;
}

Reply add(const Call& call) {
  const std::string user = base::jsonString(call.body, "user");
  return reply(json(call, accounts(call).addCollaborator(call.app().id, user, permissionIn(call))), 201);
}

Reply update(const Call& call) {
  const store::Collaborator before = collaboratorNamed(call);
  return reply(json(call, accounts(call).updateCollaborator(call.app().id, before.user, permissionIn(call))));
}

Reply remove(const Call& call) {
  const store::Collaborator before = collaboratorNamed(call);
  accounts(call).removeCollaborator(call.app().id, before.user);
  return reply(json(call, before));
}

Shape wish(Need user) {
  return object({{"user", text(), user}, {"permissions", listOf(text())}, {"silent", flag()}});
}

}  // namespace

std::vector<Route> accessRoutes() {
  return {
      {"GET", "/apps/{app}/collaborators", "The owner, and who else may do what", listOf(collaboratorShape()),
       list, Action::viewApp},
      {"POST", "/apps/{app}/collaborators", "Give a user rights", collaboratorShape(), add, Action::manageApp,
       wish(Need::required), 201},
      {"GET", "/apps/{app}/collaborators/{user}", "One of them", collaboratorShape(), show, Action::viewApp},
      {"PATCH", "/apps/{app}/collaborators/{user}", "Other rights", collaboratorShape(), update,
       Action::manageApp, object({required("permissions", listOf(text()))})},
      {"DELETE", "/apps/{app}/collaborators/{user}", "Take the rights away", collaboratorShape(), remove,
       Action::manageApp},
  };
}

}  // namespace api
