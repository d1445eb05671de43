// Who may do what in the registry, from tokens.
#pragma once

#include "registry/access.h"
#include "store/release_store.h"

namespace controller {

/// registry_anonymous_pull: who may read without a token.
enum class AnonymousPull { loopback, none };

/// Whoever has a token may do everything in this version; nobody else writes. Credentials that are given have
/// to be right, also where none would do: so that a login with a wrong token fails. `store` outlives it.
registry::Access registryAccess(store::ReleaseStore& store, AnonymousPull anonymous);

}  // namespace controller
