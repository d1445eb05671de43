// whoami, keys, keys:add, keys:remove, users, users:create, users:remove, users:role
#include "base/error.h"
#include "base/strings.h"
#include "controller/command_set.h"
#include "controller/render.h"

namespace controller {
namespace {

base::JsonObject::Ptr renderUser(const store::User& user) {
  auto json = base::makeJsonObject();
  json->set("id", user.uuid);
  json->set("name", user.name);
  json->set("email", user.email);
  json->set("role", std::string(name(user.role)));
  json->set("created_at", base::toRfc3339(user.createdAt));
  return json;
}

store::Role roleOf(const std::string& word) {
  if (const auto role = store::parseRole(word)) return *role;
  throw base::Error(base::Errc::invalidArgument,
                    "there is no role \"" + base::printable(word) + "\": use admin or member");
}

int whoAmI(const Invocation& call) {
  const Caller& caller = call.caller;
  auto json = base::makeJsonObject();
  json->set("user", caller.user);
  json->set("role", std::string(name(caller.role)));
  json->set("via", caller.via);
  json->set("kind",
            caller.token ? Poco::Dynamic::Var(std::string(name(*caller.token))) : Poco::Dynamic::Var());
  json->set("app", caller.onlyApp ? Poco::Dynamic::Var(caller.onlyApp->str()) : Poco::Dynamic::Var());
  call.print(json, caller.user + "\n");
  return 0;
}

Accounts::Whose whoseOf(const Invocation& call) {
  return call.flag("all") ? Accounts::Whose::all : Accounts::Whose::own;
}

int listKeys(const Invocation& call) {
  auto json = base::makeJsonArray();
  std::vector<std::vector<std::string>> rows;
  for (const store::Key& key : call.parts.keysAndTokens.keys(call.caller, whoseOf(call))) {
    json->add(renderKey(key));
    rows.push_back({key.user, key.fingerprint, key.comment, key.app ? "deploys " + key.app->str() : "",
                    key.lastUsedAt ? "used " + base::toRfc3339(*key.lastUsedAt) : "never used"});
  }
  call.print(json,
             rows.empty() ? "There are no keys yet: add one with fairlead keys:add FILE.pub\n" : table(rows));
  return 0;
}

int addKey(const Invocation& call) {
  // The words of a key may come as one argument, as several, or as text beside the command.
  KeyRequest request{.text = base::join(call.args, " "), .user = call.option("user")};
  if (request.text.empty() || request.text == "-") request.text = call.io.input;
  // Only when it was given: the client's own app must not narrow a key silently.
  if (call.option("app")) request.app = call.app();
  const store::Key key = call.parts.keysAndTokens.addKey(call.caller, request);
  call.print(renderKey(key), "Key " + key.fingerprint + " added for " + key.user +
                                 (key.app ? ", to deploy " + key.app->str() : "") + "\n");
  return 0;
}

int removeKey(const Invocation& call) {
  call.parts.keysAndTokens.removeKey(call.caller, call.args[0]);
  auto json = base::makeJsonObject();
  json->set("fingerprint", call.args[0]);
  call.print(json, "Key " + call.args[0] + " removed\n");
  return 0;
}

int listUsers(const Invocation& call) {
  auto json = base::makeJsonArray();
  std::vector<std::vector<std::string>> rows;
  for (const store::User& user : call.parts.accounts.users()) {
    json->add(renderUser(user));
    rows.push_back({user.name, std::string(name(user.role)), user.email, base::toRfc3339(user.createdAt)});
  }
  call.print(json, table(rows));
  return 0;
}

int createUser(const Invocation& call) {
  const store::User user = call.parts.accounts.createUser(
      call.args[0], call.flag("admin") ? store::Role::admin : store::Role::member,
      call.option("email").value_or(""));
  call.print(renderUser(user), "User " + user.name + " (" + std::string(name(user.role)) +
                                   ") is there; give it a key with fairlead keys:add FILE.pub --user " +
                                   user.name + "\n");
  return 0;
}

int removeUser(const Invocation& call) {
  const store::User user = call.parts.accounts.getUser(call.args[0]);
  call.parts.accounts.removeUser(user.name);
  call.print(renderUser(user), "User " + user.name + " is gone, with keys, tokens and collaborations\n");
  return 0;
}

int setRole(const Invocation& call) {
  const store::User user = call.parts.accounts.setRole(call.args[0], roleOf(call.args[1]));
  call.print(renderUser(user), user.name + " is " + std::string(name(user.role)) + "\n");
  return 0;
}

}  // namespace

std::vector<CommandSpec> accountCommands() {
  return {
      {"whoami", "", "show as whom you are logged in", 0, 0, {}, whoAmI, Action::identify},
      {"keys", "[--all]", "list your keys, or everybody's", 0, 0, {"all"}, listKeys, Action::readAccount},
      {"keys:add",
       "[FILE.pub] [--user NAME] [-a APP]",
       "add a key; with -a one that may deploy that app and nothing else",
       0,
       8,
       {"user="},
       addKey,
       Action::changeAccount},
      {"keys:remove",
       "FINGERPRINT",
       "take a key's right away, at once",
       1,
       1,
       {},
       removeKey,
       Action::changeAccount},
      {"users", "", "list the users", 0, 0, {}, listUsers, Action::readServer},
      {"users:create",
       "NAME [--admin] [--email ADDRESS]",
       "make a user: a member, or an administrator",
       1,
       1,
       {"admin", "email="},
       createUser,
       Action::administer},
      {"users:remove",
       "NAME",
       "remove a user with keys, tokens and collaborations",
       1,
       1,
       {},
       removeUser,
       Action::administer},
      {"users:role", "NAME admin|member", "give a user another role", 2, 2, {}, setRole, Action::administer},
  };
}

}  // namespace controller
