// Config vars as what must not be shown.
#pragma once

#include <memory>

#include "base/secret_mask.h"
#include "store/release_store.h"

namespace controller {

/// The values of the app's newest releases, of `more` too: what a log may hold.
std::shared_ptr<const base::Secrets> secretsOf(store::ReleaseStore& store, store::AppId app,
                                               const store::ConfigVars& more = {});

}  // namespace controller
