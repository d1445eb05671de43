// Log drains: what commands and the API both do.
#pragma once

#include <string>

#include "controller/command_set.h"
#include "controller/drain_target.h"
#include "controller/log_drains.h"
#include "store/drain_store.h"

namespace controller {

/// Lines go there from now on. Throws invalidArgument for a URL of another kind, alreadyExists, overloaded
/// beyond drains_max.
store::Drain addDrain(const CommandParts& parts, const store::App& app, const std::string& url);
/// By URL, id or token; throws notFound.
store::Drain removeDrain(const CommandParts& parts, const store::App& app, const std::string& urlOrId);
DrainStatus drainStatus(const CommandParts& parts, const store::Drain& drain);
/// In the form of the Platform API's log-drain, with our counters.
base::JsonObject::Ptr renderDrain(const CommandParts& parts, const store::Drain& drain);

}  // namespace controller
