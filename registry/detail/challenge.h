// How a client is told where to get a bearer, and for what.
#pragma once

#include <optional>
#include <string>

#include "registry/detail/registry_request.h"
#include "registry/scope.h"

namespace registry::detail {

/// What this request needs; nullopt where a bearer for nothing will do, and for names that are none.
std::optional<Scope> scopeOf(const RegistryRequest& asked, const std::string& method);
/// The header WWW-Authenticate; `error` is empty or a word of RFC 6750 section 3.1. (Docker registry token
/// authentication.)
std::string challengeOf(const std::string& origin, const std::optional<Scope>& scope,
                        const std::string& error);

}  // namespace registry::detail
