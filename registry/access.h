// Who may do what in the registry: asked here, answered by the controller.
#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "registry/scope.h"

namespace registry {

enum class Action {
  check,  ///< of the version check: to be somebody
  list,   ///< the catalog
  pull,
  mount,  ///< of the repository that a blob is to be mounted from: nobody asks for a bearer that says so
  push,
  remove
};

struct AccessQuestion {
  Action action = Action::pull;
  std::string repository;     ///< empty for the registry itself: version check, catalog, what does not exist
  std::string authorization;  ///< the request's header, or empty
  bool fromLoopback = false;  ///< the peer is on this machine and speaks for itself
};

enum class Verdict {
  allowed,
  logIn,         ///< 401: credentials are missing or wrong
  insufficient,  ///< 401: a bearer that was given for something else; ask for another one
  denied,        ///< 403: these credentials do not give that right
};

/// Both: what may be done, and by whom.
struct Decision {
  Decision(Verdict given, std::string who = {}) : verdict(given), user(std::move(who)) {}
  bool operator==(Verdict other) const noexcept { return verdict == other; }

  Verdict verdict;
  std::string user;  ///< whose credentials these are; empty for nobody's
};

/// Called on the server's threads at the same time: thread-safe. Throws unauthenticated instead of logIn
/// where there is more to say.
using Access = std::function<Decision(const AccessQuestion&)>;

/// What a client asks the token endpoint for, and who it says it is.
struct TokenQuestion {
  std::optional<std::string> secret;        ///< the password
  std::optional<std::string> refreshToken;  ///< that was given before
  std::vector<Scope> scopes;
  bool offline = false;       ///< a refresh token, too
  bool fromLoopback = false;  ///< as in AccessQuestion
};

struct TokenAnswer {
  std::string bearer;
  std::string refreshToken;    ///< or empty
  std::vector<Scope> granted;  ///< what was asked for and is allowed; nothing of a scope: it is left out
  base::Time issuedAt;
  std::chrono::seconds lifetime{};
};

/// Thread-safe. Throws unauthenticated for credentials that are missing or wrong.
using TokenIssuer = std::function<TokenAnswer(const TokenQuestion&)>;

}  // namespace registry
