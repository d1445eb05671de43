#include "store/account_store.h"

#include <algorithm>

#include "base/log.h"
#include "base/strings.h"
#include "store/detail/release_store_state.h"

namespace store {
namespace {

using base::Errc;
using base::Error;
using detail::Connection;
using detail::Rows;

constexpr std::chrono::minutes kUseGrain{1};

constexpr std::string_view kSelectUser =
    "SELECT id, uuid, name, role, email, created_at FROM users WHERE name = ?1";
constexpr std::string_view kSelectCollaborator =
    "SELECT c.uuid, c.app, c.user, u.email, c.permission, c.created_at FROM collaborators c "
    "JOIN users u ON u.name = c.user WHERE c.app = ?1 AND c.user = ?2";

User userAt(const Rows& rows) {
  constexpr int kCreated = 5;
  const auto role = parseRole(rows.text(3));
  if (!role) throw Error(Errc::corrupt, "database: a stored role is damaged");
  return User{.id = rows.integer(0),
              .uuid = rows.text(1),
              .name = rows.text(2),
              .role = *role,
              .email = rows.text(4),
              .createdAt = detail::timeAt(rows, kCreated)};
}

Collaborator collaboratorAt(const Rows& rows) {
  constexpr int kCreated = 5;
  const auto permission = parsePermission(rows.text(4));
  if (!permission) throw Error(Errc::corrupt, "database: a stored permission is damaged");
  return Collaborator{.uuid = rows.text(0),
                      .app = rows.integer(1),
                      .user = rows.text(2),
                      .email = rows.text(3),
                      .permission = *permission,
                      .createdAt = detail::timeAt(rows, kCreated)};
}

std::optional<User> selectUser(Connection& connection, const std::string& name) {
  Rows rows = connection.query(kSelectUser, name);
  if (!rows.next()) return std::nullopt;
  return userAt(rows);
}

User getUserRow(Connection& connection, const std::string& name) {
  if (auto user = selectUser(connection, name)) return *std::move(user);
  throw Error(Errc::notFound, "there is no user \"" + base::printable(name) +
                                  "\": make it with fairlead users:create " + base::printable(name));
}

std::optional<Collaborator> selectCollaborator(Connection& connection, AppId app, const std::string& user) {
  Rows rows = connection.query(kSelectCollaborator, app, user);
  if (!rows.next()) return std::nullopt;
  return collaboratorAt(rows);
}

[[noreturn]] void throwNoCollaborator(const App& app, const std::string& user) {
  throw Error(Errc::notFound, "\"" + base::printable(user) + "\" is no collaborator of " + app.name.str() +
                                  ": see fairlead access -a " + app.name.str());
}

/// `what`: "removed", "made a member".
void requireDispensable(Connection& connection, const User& user, const std::string& what) {
  if (user.name == kLocalUser)
    throw Error(Errc::conflict, user.name + " cannot be " + what +
                                    ": it is who works on the server's own machine; remove its keys and "
                                    "tokens instead");
  Rows rows = connection.query("SELECT count(*) FROM users WHERE role = 'admin' AND name <> ?1", user.name);
  if (user.role == Role::admin && rows.next() && rows.integer(0) == 0)
    throw Error(Errc::conflict, user.name + " cannot be " + what +
                                    ": it is the last administrator; make another one first with fairlead "
                                    "users:role NAME admin");
}

bool isRecent(const std::optional<Time>& use, Time now) {
  return use && *use <= now && now - *use < kUseGrain;
}

/// This is where a failure ends: who asks has been told nothing about it, and the answer does not depend on
/// it.
template <typename Body>
void noteIfPossible(Body body) noexcept {
  try {
    body();
  } catch (const std::exception& failure) {
    base::Log("store").debug("a last use was not noted", {{"error", failure.what()}});
  }
}

}  // namespace

std::string_view name(Role role) noexcept {
  return role == Role::admin ? "admin" : "member";
}

std::optional<Role> parseRole(std::string_view text) noexcept {
  for (const Role role : {Role::admin, Role::member})
    if (text == name(role)) return role;
  return std::nullopt;
}

std::string_view name(Permission permission) noexcept {
  switch (permission) {
    case Permission::deploy:
      return "deploy";
    case Permission::operate:
      return "operate";
    case Permission::manage:
      return "manage";
    default:
      return "view";
  }
}

std::optional<Permission> parsePermission(std::string_view text) noexcept {
  for (const auto each : {Permission::view, Permission::deploy, Permission::operate, Permission::manage})
    if (text == name(each)) return each;
  return std::nullopt;
}

void requireUserName(std::string_view name) {
  constexpr std::size_t kMaxBytes = 64;
  const auto isWord = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
  };
  const bool good = !name.empty() && name.size() <= kMaxBytes && isWord(name.front()) &&
                    std::all_of(name.begin(), name.end(), [&](char c) {
                      return isWord(c) || std::string_view("._-+@").find(c) != std::string_view::npos;
                    });
  if (!good)
    throw Error(Errc::invalidArgument,
                "\"" + base::printable(name, kMaxBytes) +
                    "\" is no name for a user: use up to 64 of a-z, A-Z, 0-9, '.', '_', '-', '+' and '@', "
                    "beginning with a letter or a digit");
}

void detail::requireUser(Connection& connection, const std::string& name) {
  getUserRow(connection, name);
}

User AccountStore::createUser(const std::string& name, Role role, const std::string& email) {
  requireUserName(name);
  return store_.state_->write([&](Connection& connection) {
    Rows same = connection.query("SELECT name FROM users WHERE name = ?1 COLLATE NOCASE", name);
    if (same.next()) throw Error(Errc::alreadyExists, "there is a user " + same.text(0) + " already");
    connection.execute("INSERT INTO users (uuid, name, role, email, created_at) VALUES (?1, ?2, ?3, ?4, ?5)",
                       base::randomUuid(), name, store::name(role), email, store_.state_->clock.now());
    return *selectUser(connection, name);
  });
}

std::optional<User> AccountStore::findUser(const std::string& name) {
  return store_.state_->read([&](Connection& connection) { return selectUser(connection, name); });
}

User AccountStore::getUser(const std::string& name) {
  return store_.state_->read([&](Connection& connection) { return getUserRow(connection, name); });
}

std::vector<User> AccountStore::users() {
  return store_.state_->read([](Connection& connection) {
    std::vector<User> all;
    Rows rows = connection.query("SELECT id, uuid, name, role, email, created_at FROM users ORDER BY name");
    while (rows.next())
      all.push_back(userAt(rows));
    return all;
  });
}

User AccountStore::setRole(const std::string& name, Role role) {
  return store_.state_->write([&](Connection& connection) {
    User user = getUserRow(connection, name);
    if (role != Role::admin) requireDispensable(connection, user, "made a member");
    connection.execute("UPDATE users SET role = ?2 WHERE id = ?1 AND role <> ?2", user.id, store::name(role));
    user.role = role;
    return user;
  });
}

User AccountStore::setEmail(const std::string& name, const std::string& email) {
  return store_.state_->write([&](Connection& connection) {
    User user = getUserRow(connection, name);
    connection.execute("UPDATE users SET email = ?2 WHERE id = ?1 AND email <> ?2", user.id, email);
    user.email = email;
    return user;
  });
}

void AccountStore::removeUser(const std::string& name) {
  store_.state_->write([&](Connection& connection) {
    const User user = getUserRow(connection, name);
    requireDispensable(connection, user, "removed");
    std::vector<std::string> owned;
    {
      Rows rows = connection.query("SELECT name FROM apps WHERE owner = ?1 ORDER BY name", name);
      while (rows.next())
        owned.push_back(rows.text(0));
    }
    if (!owned.empty())
      throw Error(Errc::conflict, name + " owns " + base::join(owned, ", ") +
                                      ": give them to others first with fairlead apps:transfer USER -a " +
                                      owned.front());
    connection.execute("DELETE FROM users WHERE id = ?1", user.id);
  });
}

std::optional<Permission> AccountStore::permission(AppId app, const std::string& user) {
  return store_.state_->read([&](Connection& connection) -> std::optional<Permission> {
    Rows rows =
        connection.query("SELECT permission FROM collaborators WHERE app = ?1 AND user = ?2", app, user);
    if (!rows.next()) return std::nullopt;
    return parsePermission(rows.text(0));
  });
}

std::vector<Collaborator> AccountStore::collaborators(AppId app) {
  return store_.state_->read([&](Connection& connection) {
    std::vector<Collaborator> all;
    Rows rows = connection.query(
        "SELECT c.uuid, c.app, c.user, u.email, c.permission, c.created_at FROM collaborators c "
        "JOIN users u ON u.name = c.user WHERE c.app = ?1 ORDER BY c.user",
        app);
    while (rows.next())
      all.push_back(collaboratorAt(rows));
    return all;
  });
}

std::optional<Collaborator> AccountStore::findCollaborator(AppId app, const std::string& user) {
  return store_.state_->read(
      [&](Connection& connection) { return selectCollaborator(connection, app, user); });
}

Collaborator AccountStore::addCollaborator(AppId app, const std::string& user, Permission permission) {
  return store_.state_->write([&](Connection& connection) {
    const App owned = detail::requireApp(connection, app);
    getUserRow(connection, user);
    if (owned.owner == user)
      throw Error(Errc::alreadyExists, user + " owns " + owned.name.str() + " and may do everything with it");
    if (selectCollaborator(connection, app, user))
      throw Error(Errc::alreadyExists, user + " is a collaborator of " + owned.name.str() +
                                           " already: change it with fairlead access:update");
    connection.execute(
        "INSERT INTO collaborators (app, user, uuid, permission, created_at) VALUES (?1, ?2, ?3, ?4, ?5)",
        app, user, base::randomUuid(), store::name(permission), store_.state_->clock.now());
    return *selectCollaborator(connection, app, user);
  });
}

Collaborator AccountStore::updateCollaborator(AppId app, const std::string& user, Permission permission) {
  return store_.state_->write([&](Connection& connection) {
    const App of = detail::requireApp(connection, app);
    connection.execute(
        "UPDATE collaborators SET permission = ?3 WHERE app = ?1 AND user = ?2 AND permission <> ?3", app,
        user, store::name(permission));
    auto updated = selectCollaborator(connection, app, user);
    if (!updated) throwNoCollaborator(of, user);
    return *std::move(updated);
  });
}

void AccountStore::removeCollaborator(AppId app, const std::string& user) {
  store_.state_->write([&](Connection& connection) {
    const App of = detail::requireApp(connection, app);
    if (connection.execute("DELETE FROM collaborators WHERE app = ?1 AND user = ?2", app, user) == 0)
      throwNoCollaborator(of, user);
  });
}

App AccountStore::transferApp(AppId app, const std::string& newOwner) {
  return store_.state_->write([&](Connection& connection) {
    detail::requireApp(connection, app);
    getUserRow(connection, newOwner);
    connection.execute("DELETE FROM collaborators WHERE app = ?1 AND user = ?2", app, newOwner);
    connection.execute("UPDATE apps SET owner = ?2 WHERE id = ?1 AND owner <> ?2", app, newOwner);
    return detail::requireApp(connection, app);
  });
}

std::vector<App> AccountStore::appsOf(const std::string& user) {
  return store_.state_->read([&](Connection& connection) {
    std::vector<App> all;
    Rows rows = connection.query(
        "SELECT id, uuid, name, stack, owner, deploy_branch, created_at FROM apps "
        "WHERE owner = ?1 OR id IN (SELECT app FROM collaborators WHERE user = ?1) ORDER BY name",
        user);
    while (rows.next())
      all.push_back(detail::appAt(rows));
    return all;
  });
}

std::vector<Key> AccountStore::keysOf(const std::string& user) {
  return store_.state_->read([&](Connection& connection) {
    std::vector<Key> all;
    Rows rows = connection.query(
        std::string(detail::kSelectKeys) + "WHERE k.user = ?1 ORDER BY k.created_at, k.fingerprint", user);
    while (rows.next())
      all.push_back(detail::keyAt(rows));
    return all;
  });
}

std::vector<Token> AccountStore::tokensOf(const std::string& user) {
  return store_.state_->read([&](Connection& connection) {
    std::vector<Token> all;
    Rows rows =
        connection.query(std::string(detail::kSelectTokens) + "WHERE t.user = ?1 ORDER BY t.id", user);
    while (rows.next())
      all.push_back(detail::tokenAt(rows));
    return all;
  });
}

void AccountStore::noteUse(const Key& key) noexcept {
  noteIfPossible([&] {
    const Time now = store_.state_->clock.now();
    if (isRecent(key.lastUsedAt, now)) return;
    store_.state_->note([&](Connection& connection) {
      connection.execute("UPDATE keys SET last_used_at = ?2 WHERE fingerprint = ?1", key.fingerprint, now);
    });
  });
}

void AccountStore::noteUse(const Token& token) noexcept {
  noteIfPossible([&] {
    const Time now = store_.state_->clock.now();
    if (isRecent(token.lastUsedAt, now)) return;
    store_.state_->note([&](Connection& connection) {
      connection.execute("UPDATE tokens SET last_used_at = ?2 WHERE id = ?1", token.id, now);
    });
  });
}

}  // namespace store
