// Who may do what: the one place that decides, for commands, the API, git and images.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "store/account_store.h"
#include "store/model.h"
#include "store/release_store.h"

namespace controller {

/// Something that is asked for. Those about an app are asked with the app.
enum class Action {
  identify,       ///< to be somebody: what everybody sees who is logged in
  readAccount,    ///< one's own keys and tokens
  changeAccount,  ///< one's own keys and tokens
  createApp,
  viewApp,     ///< the app, its processes, releases, builds, logs, images: not the values of its config
  deployApp,   ///< to push, build, cancel, roll back, publish
  operateApp,  ///< config, scale, restart, run, domains, maintenance
  manageApp,   ///< collaborators, name, owner, limits, network, the end of it
  readServer,  ///< what is about all apps and users
  administer   ///< to change it
};
/// Whether it is asked with an app.
bool isAboutApp(Action action) noexcept;

/// Somebody whose key, token or socket was checked, and by which of these. A value of one request: rights
/// change.
struct Identity {
  enum class Door { nobody, socket, key, token };
  std::string user;  ///< empty: nobody
  store::Role role = store::Role::member;
  Door door = Door::nobody;
  std::string via;                                       ///< "socket", "SHA256:...", "token 12"
  std::optional<store::TokenKind> token = std::nullopt;  ///< of a token
  std::optional<store::AppName> onlyApp = std::nullopt;  ///< a key or token that is good for this app only
  /// Over the unix socket: somebody on the server's own machine.
  bool isLocal() const noexcept { return door == Door::socket; }
};

/// Whoever works on the server's own machine.
Identity localAdministrator();

/// What an app's rows say about a user.
struct Standing {
  store::AppName app;
  bool owns = false;
  std::optional<store::Permission> given = std::nullopt;  ///< as a collaborator
};

/// The decision, by exact identity. An app's owner and administrators may do everything with it; a
/// collaborator what was given; a key or token at most what its kind says. `standing` is that of the app for
/// actions about an app, and ignored for others; without one nothing about an app is allowed.
bool may(const Identity& identity, Action action, const std::optional<Standing>& standing) noexcept;

/// Asks the store what the decision needs. Thread-safe.
class Access {
 public:
  /// Both outlive it.
  Access(store::ReleaseStore& store, store::AccountStore& accounts) : store_(store), accounts_(accounts) {}

  /// nullopt when there is no such key (any more).
  std::optional<Identity> ofKey(const std::string& fingerprint) const;
  Identity ofToken(const store::Token& token) const;

  bool may(const Identity& identity, Action action) const;
  bool may(const Identity& identity, Action action, const store::App& app) const;
  /// Throws unauthenticated for nobody, and permissionDenied with what to do.
  void require(const Identity& identity, Action action) const;
  /// Throws permissionDenied with what to do; an app that the identity may not view is one that does not
  /// exist (notFound).
  void require(const Identity& identity, Action action, const store::App& app) const;
  /// The app of this name or UUID, exactly; else as require().
  store::App app(const Identity& identity, Action action, std::string_view nameOrId) const;
  /// By name, those that the identity may view.
  std::vector<store::App> apps(const Identity& identity) const;

 private:
  std::optional<Standing> standing(const Identity& identity, const store::App& app) const;

  store::ReleaseStore& store_;
  store::AccountStore& accounts_;
};

}  // namespace controller
