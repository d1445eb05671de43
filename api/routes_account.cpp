// /account, /users/~, keys, stacks and regions: what is no app's.
#include <algorithm>

#include "api/route.h"
#include "api/shapes.h"
#include "base/error.h"
#include "base/strings.h"
#include "controller/render.h"

namespace api {
namespace {

using base::Errc;
using base::Error;
using controller::Action;

Reply showAccount(const Call& call) {
  auto json = controller::renderUser(call.caller.user);
  json->set("name", call.caller.user);
  json->set("verified", true);
  json->set("beta", false);
  json->set("allow_tracking", false);
  json->set("two_factor_authentication", false);
  for (const char* unknown : {"default_team", "created_at", "updated_at", "last_login"})
    json->set(unknown, Poco::Dynamic::Var());
  return reply(json);
}

std::vector<store::Key> keysOf(const Call& call) {
  return call.parts.control.keysAndTokens.keys(call.caller, controller::Accounts::Whose::own);
}

Reply listKeys(const Call& call) {
  Listing listing{.fields = {"id", "fingerprint"}};
  for (const store::Key& key : keysOf(call))
    listing.all.push_back(controller::renderKey(key));
  return page(call, std::move(listing));
}

/// By id or fingerprint.
store::Key keyNamed(const Call& call) {
  for (store::Key& key : keysOf(call)) {
    const std::string id = base::jsonString(controller::renderKey(key), "id");
    if (call.word("key") == key.fingerprint || call.word("key") == id) return std::move(key);
  }
  throw Error(Errc::notFound, "there is no key " + base::printable(call.word("key")) + " of yours");
}

Reply showKey(const Call& call) {
  return reply(controller::renderKey(keyNamed(call)));
}

Reply addKey(const Call& call) {
  const store::Key key = call.parts.control.keysAndTokens.addKey(
      call.caller, {.text = base::jsonString(call.body, "public_key")});
  return reply(controller::renderKey(key), 201);
}

Reply removeKey(const Call& call) {
  const store::Key key = keyNamed(call);
  call.parts.control.keysAndTokens.removeKey(call.caller, key.fingerprint);
  return reply(controller::renderKey(key));
}

Reply listStacks(const Call& call) {
  Listing listing{.fields = {"name", "id"}};
  for (const store::Stack& stack : call.store().stacks())
    listing.all.push_back(controller::renderStack(stack));
  return page(call, std::move(listing));
}

Reply showStack(const Call& call) {
  for (const store::Stack& stack : call.store().stacks()) {
    auto json = controller::renderStack(stack);
    if (stack.name == call.word("stack") || base::jsonString(json, "id") == call.word("stack"))
      return reply(json);
  }
  throw Error(Errc::notFound, "there is no stack " + base::printable(call.word("stack")));
}

Reply listRegions(const Call& call) {
  return page(call, {.all = {controller::renderRegion()}, .fields = {"name", "id"}});
}

Reply showRegion(const Call& call) {
  auto json = controller::renderRegion();
  if (call.word("region") == base::jsonString(json, "name") ||
      call.word("region") == base::jsonString(json, "id"))
    return reply(json);
  throw Error(Errc::notFound, "there is no region " + base::printable(call.word("region")) + ": there is us");
}

/// Add-ons, pipelines, app transfers: there are none here, and that is what is said.
Reply none(const Call& call) {
  return page(call, {.all = {}, .fields = {"id"}});
}

}  // namespace

std::vector<Route> accountRoutes() {
  return {
      {"GET", "/account", "Who the token belongs to", accountShape(), showAccount, Action::identify},
      {"GET", "/users/~", "Who the token belongs to", accountShape(), showAccount, Action::identify},
      {"GET", "/account/features", "Switches of the account: none", noneShape(), none, Action::identify},
      {"GET", "/account/keys", "The account's SSH keys", listOf(keyShape()), listKeys, Action::readAccount},
      {"POST", "/account/keys", "Add an SSH key", keyShape(), addKey, Action::changeAccount,
       object({required("public_key", text())}), 201},
      {"GET", "/account/keys/{key}", "One key, by id or fingerprint", keyShape(), showKey,
       Action::readAccount},
      {"DELETE", "/account/keys/{key}", "Take a key away", keyShape(), removeKey, Action::changeAccount},
      {"GET", "/stacks", "The stacks that are here", listOf(stackShape()), listStacks, Action::identify},
      {"GET", "/stacks/{stack}", "One stack", stackShape(), showStack, Action::identify},
      {"GET", "/regions", "The regions: one", listOf(regionShape()), listRegions, Action::identify},
      {"GET", "/regions/{region}", "One region", regionShape(), showRegion, Action::identify},
      {"GET", "/addons", "Add-ons: none", noneShape(), none, Action::identify},
      {"GET", "/app-transfers", "App transfers under way: none", noneShape(), none, Action::identify},
      {"GET", "/account/app-transfers", "App transfers under way: none", noneShape(), none, Action::identify},
      {"GET", "/pipelines", "Pipelines: none", noneShape(), none, Action::identify},
      {"GET", "/teams", "Teams: none", noneShape(), none, Action::identify},
      {"GET", "/apps/{app}/addons", "The app's add-ons: none", noneShape(), none, Action::viewApp},
      {"GET", "/apps/{app}/addon-attachments", "The app's add-ons: none", noneShape(), none, Action::viewApp},
  };
}

}  // namespace api
