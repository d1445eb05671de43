// What users do with accounts: keys, tokens and who may what, with the rights that it takes.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "controller/access.h"
#include "store/account_store.h"

namespace controller {

struct KeyRequest {
  std::string text;                                ///< "ssh-ed25519 AAAA... comment"
  std::optional<std::string> user = std::nullopt;  ///< another one than the caller
  std::optional<store::App> app = std::nullopt;    ///< a deploy key of this app
};

struct TokenRequest {
  store::TokenKind kind = store::TokenKind::full;
  std::string description;
  std::optional<store::AppId> app = std::nullopt;
  std::optional<base::Time> expiresAt = std::nullopt;
};

struct NewSecret {
  store::Token token;
  std::string secret;  ///< told once
};

/// What the caller may not see does not exist (notFound); what it may not do is permissionDenied.
/// Thread-safe.
class Accounts {
 public:
  /// All outlive it.
  Accounts(store::ReleaseStore& store, store::AccountStore& accounts, const Access& access,
           const base::Clock& clock)
      : store_(store), accounts_(accounts), access_(access), clock_(clock) {}

  /// Administrators add keys for others, too; a deploy key is added by who may manage its app.
  store::Key addKey(const Identity& caller, const KeyRequest& request) const;
  enum class Whose { own, all };
  std::vector<store::Key> keys(const Identity& caller, Whose whose) const;
  /// One of the caller's own; of an app that the caller may manage; any, for an administrator.
  void removeKey(const Identity& caller, const std::string& fingerprint) const;

  NewSecret createToken(const Identity& caller, const TokenRequest& request) const;
  std::vector<store::Token> tokens(const Identity& caller, Whose whose) const;
  void removeToken(const Identity& caller, std::int64_t id) const;

 private:
  store::ReleaseStore& store_;
  store::AccountStore& accounts_;
  const Access& access_;
  const base::Clock& clock_;
};

}  // namespace controller
