// Users, and what each may do with the apps of others.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "store/model.h"
#include "store/release_store.h"

namespace store {

enum class Role { admin, member };
std::string_view name(Role role) noexcept;
std::optional<Role> parseRole(std::string_view text) noexcept;

/// Each holds those before it.
enum class Permission { view, deploy, operate, manage };
std::string_view name(Permission permission) noexcept;
std::optional<Permission> parsePermission(std::string_view text) noexcept;

/// Whoever works on the server's own machine. There always is this user, and it always is an administrator.
inline constexpr std::string_view kLocalUser = "admin";

struct User {
  std::int64_t id = 0;
  std::string uuid;
  std::string name;  ///< never changes
  Role role = Role::member;
  std::string email;  ///< or empty
  Time createdAt;
};

struct Collaborator {
  std::string uuid;
  AppId app = 0;
  std::string user;
  std::string email;  ///< the user's, or empty
  Permission permission = Permission::view;
  Time createdAt;
};

/// Throws invalidArgument with the rule in words: up to 64 of a-z, A-Z, 0-9, '.', '_', '-', '+' and '@'.
void requireUserName(std::string_view name);

/// In the same database as the releases. Thread-safe as ReleaseStore is, which outlives it; every mutating
/// call is one transaction and durable when it returns.
class AccountStore {
 public:
  explicit AccountStore(ReleaseStore& store) : store_(store) {}

  /// alreadyExists also for a name that differs in case only: people could not tell the two apart.
  User createUser(const std::string& name, Role role, const std::string& email = "");
  std::optional<User> findUser(const std::string& name);
  User getUser(const std::string& name);
  std::vector<User> users();  ///< by name
  /// Throws conflict for the last administrator and for kLocalUser.
  User setRole(const std::string& name, Role role);
  User setEmail(const std::string& name, const std::string& email);
  /// With keys, tokens and collaborations. Throws conflict while the user owns apps (names them), for the
  /// last administrator, and for kLocalUser.
  void removeUser(const std::string& name);

  /// What the user was given; that owners and administrators may more is not looked at.
  std::optional<Permission> permission(AppId app, const std::string& user);
  std::vector<Collaborator> collaborators(AppId app);  ///< by user
  std::optional<Collaborator> findCollaborator(AppId app, const std::string& user);
  /// alreadyExists for a collaborator and for the owner, notFound for who is no user.
  Collaborator addCollaborator(AppId app, const std::string& user, Permission permission);
  Collaborator updateCollaborator(AppId app, const std::string& user, Permission permission);
  void removeCollaborator(AppId app, const std::string& user);
  /// The new owner is no collaborator any more; the old one becomes none.
  App transferApp(AppId app, const std::string& newOwner);
  /// By name, those that the user owns or collaborates on.
  std::vector<App> appsOf(const std::string& user);

  std::vector<Key> keysOf(const std::string& user);      ///< oldest first
  std::vector<Token> tokensOf(const std::string& user);  ///< oldest first
  /// When it was used, to the minute. Never fails, and waits for no disk: what cannot be noted is not.
  void noteUse(const Key& key) noexcept;
  void noteUse(const Token& token) noexcept;

 private:
  ReleaseStore& store_;
};

}  // namespace store
