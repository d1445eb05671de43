// Who may do what in the registry.
#pragma once

#include <functional>
#include <string>

namespace registry {

enum class Action { pull, push, remove };

struct AccessQuestion {
  Action action = Action::pull;
  std::string repository;     ///< empty for the registry itself: version check, catalog
  std::string authorization;  ///< the request's header, or empty
  bool fromLoopback = false;  ///< the peer is on this machine and speaks for itself
};

enum class Verdict {
  allowed,
  logIn,   ///< 401: credentials are missing or wrong
  denied,  ///< 403: these credentials do not give that right
};

/// Called on the server's threads at the same time: thread-safe. Also asked about the repository that a blob
/// is to be mounted from.
using Access = std::function<Verdict(const AccessQuestion&)>;

}  // namespace registry
