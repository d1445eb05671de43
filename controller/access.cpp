#include "controller/access.h"

#include "base/error.h"
#include "base/strings.h"

namespace controller {
namespace {

using base::Errc;
using base::Error;
using store::Permission;
using store::TokenKind;

/// What a collaborator needs for an action about an app.
Permission needed(Action action) noexcept {
  switch (action) {
    case Action::viewApp:
      return Permission::view;
    case Action::deployApp:
      return Permission::deploy;
    case Action::operateApp:
      return Permission::operate;
    default:
      return Permission::manage;
  }
}

/// Whether the key or token carries this right of its user.
bool carries(const Identity& identity, Action action) noexcept {
  if (identity.token == TokenKind::push || identity.token == TokenKind::pull) return false;  // the registry's
  if (identity.onlyApp && !isAboutApp(action)) return action == Action::identify;
  const bool reads = action == Action::identify || action == Action::viewApp;
  switch (identity.door) {
    case Identity::Door::socket:
      return true;
    case Identity::Door::key:
      return !identity.onlyApp || reads || action == Action::deployApp;
    case Identity::Door::token:
      break;
    default:
      return false;
  }
  if (identity.token == TokenKind::full) return true;
  if (identity.token == TokenKind::deploy) return reads || action == Action::deployApp;
  return identity.token == TokenKind::read &&
         (reads || action == Action::readAccount || action == Action::readServer);
}

/// Whether the user may, whatever it came by.
bool userMay(const Identity& identity, Action action, const std::optional<Standing>& standing) noexcept {
  if (isAboutApp(action) && !standing) return false;
  if (identity.role == store::Role::admin) return true;
  if (isAboutApp(action)) return standing->owns || (standing->given && *standing->given >= needed(action));
  return action != Action::readServer && action != Action::administer;
}

std::string_view verb(Action action) noexcept {
  switch (action) {
    case Action::identify:
      return "be used here";
    case Action::readAccount:
      return "look at keys and tokens";
    case Action::changeAccount:
      return "change keys and tokens";
    case Action::createApp:
      return "make apps";
    case Action::viewApp:
      return "view";
    case Action::deployApp:
      return "deploy";
    case Action::operateApp:
      return "operate";
    case Action::manageApp:
      return "manage";
    case Action::readServer:
      return "look at the whole server";
    default:
      return "administer the server";
  }
}

/// "this key", "token 12".
std::string instrument(const Identity& identity) {
  return identity.door == Identity::Door::token ? identity.via : "this key";
}

/// The key or token is what is in the way.
[[noreturn]] void throwNotCarried(const Identity& identity, Action action, const std::string& app) {
  const std::string what = std::string(verb(action)) + (app.empty() ? "" : " " + app);
  if (identity.token == TokenKind::push || identity.token == TokenKind::pull)
    throw Error(Errc::permissionDenied,
                "this token is for the registry only: make one for the API with fairlead tokens:create");
  throw Error(
      Errc::permissionDenied,
      instrument(identity) + " may not " + what + ": it is " +
          (identity.token ? "a token to " +
                                std::string(identity.token == TokenKind::full ? "use" : name(*identity.token))
                          : std::string("a key to deploy")) +
          (identity.onlyApp ? " " + identity.onlyApp->str() : "") + " only; use another one");
}

}  // namespace

bool isAboutApp(Action action) noexcept {
  return action == Action::viewApp || action == Action::deployApp || action == Action::operateApp ||
         action == Action::manageApp;
}

Identity localAdministrator() {
  return {.user = std::string(store::kLocalUser),
          .role = store::Role::admin,
          .door = Identity::Door::socket,
          .via = "socket"};
}

bool may(const Identity& identity, Action action, const std::optional<Standing>& standing) noexcept {
  if (identity.user.empty() || identity.door == Identity::Door::nobody) return false;
  if (!carries(identity, action) || !userMay(identity, action, standing)) return false;
  return !identity.onlyApp || !isAboutApp(action) || *identity.onlyApp == standing->app;
}

std::optional<Identity> Access::ofKey(const std::string& fingerprint) const {
  const auto key = store_.findKey(fingerprint);
  const auto user = key ? accounts_.findUser(key->user) : std::nullopt;
  if (!user) return std::nullopt;
  accounts_.noteUse(*key);
  return Identity{.user = user->name,
                  .role = user->role,
                  .door = Identity::Door::key,
                  .via = key->fingerprint,
                  .onlyApp = key->app};
}

Identity Access::ofToken(const store::Token& token) const {
  const auto user = accounts_.findUser(token.user);
  if (!user) return {};  // removed between two looks: nobody
  accounts_.noteUse(token);
  return Identity{.user = user->name,
                  .role = user->role,
                  .door = Identity::Door::token,
                  .via = "token " + std::to_string(token.id),
                  .token = token.kind,
                  .onlyApp = token.app};
}

std::optional<Standing> Access::standing(const Identity& identity, const store::App& app) const {
  if (identity.user.empty()) return std::nullopt;
  Standing standing{.app = app.name, .owns = app.owner == identity.user};
  if (!standing.owns && identity.role != store::Role::admin)
    standing.given = accounts_.permission(app.id, identity.user);
  return standing;
}

bool Access::may(const Identity& identity, Action action) const {
  return controller::may(identity, action, std::nullopt);
}

bool Access::may(const Identity& identity, Action action, const store::App& app) const {
  return controller::may(identity, action, standing(identity, app));
}

void Access::require(const Identity& identity, Action action) const {
  if (may(identity, action)) return;
  if (identity.user.empty())
    throw Error(Errc::unauthenticated, "nobody is logged in: use a key or a token of this server");
  if (!carries(identity, action)) throwNotCarried(identity, action, "");
  throw Error(Errc::permissionDenied, identity.user + " may not " + std::string(verb(action)) +
                                          ": that is for administrators, who can do it or give you the role "
                                          "with fairlead users:role " +
                                          identity.user + " admin");
}

void Access::require(const Identity& identity, Action action, const store::App& app) const {
  const auto standing = this->standing(identity, app);
  if (controller::may(identity, action, standing)) return;
  const std::string name = app.name.str();
  if (!controller::may(identity, Action::viewApp, standing)) {
    if (identity.token && !carries(identity, Action::viewApp)) throwNotCarried(identity, action, name);
    throw Error(Errc::notFound,
                "there is no app \"" + name +
                    "\": list them with fairlead apps, or make it with fairlead apps:create NAME");
  }
  if (!carries(identity, action)) throwNotCarried(identity, action, name);
  const std::string command = standing->given ? "access:update " : "access:add ";
  throw Error(Errc::permissionDenied, identity.user + " may not " + std::string(verb(action)) + " " + name +
                                          ": ask " + app.owner + " for it (fairlead " + command +
                                          identity.user + " --permissions " +
                                          std::string(store::name(needed(action))) + " -a " + name + ")");
}

store::App Access::app(const Identity& identity, Action action, std::string_view nameOrId) const {
  const auto name = store::AppName::tryParse(nameOrId);
  if (const auto app = name ? store_.findApp(*name) : store_.findAppByUuid(std::string(nameOrId))) {
    require(identity, action, *app);
    return *app;
  }
  if (identity.token && !carries(identity, Action::viewApp)) throwNotCarried(identity, action, "");
  throw Error(Errc::notFound,
              "there is no app \"" + base::printable(nameOrId) +
                  "\": list them with fairlead apps, or make it with fairlead apps:create NAME");
}

std::vector<store::App> Access::apps(const Identity& identity) const {
  std::vector<store::App> all =
      identity.role == store::Role::admin ? store_.apps() : accounts_.appsOf(identity.user);
  std::erase_if(all, [&](const store::App& app) { return !may(identity, Action::viewApp, app); });
  return all;
}

}  // namespace controller
