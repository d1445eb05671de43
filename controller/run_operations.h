// One-off processes: what commands and the API both do.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "base/interaction.h"
#include "controller/command_set.h"
#include "runner/one_off.h"

namespace controller {

struct RunWish {
  std::vector<std::string> command;
  store::ConfigVars environment = {};                          ///< over the app's
  std::optional<std::chrono::seconds> timeout = std::nullopt;  ///< nullopt, or more than it: run_timeout_s
  std::string user;
};

/// With the current release's slug and environment. Blocks until it has ended; a stop ends it. Throws
/// conflict before the first deploy, overloaded beyond run_max_sessions.
runner::OneOffEnd runAttached(const CommandParts& parts, const store::App& app, const RunWish& wish,
                              base::Interaction& client, std::stop_token stop);
/// The same with its output in the app's log; returns its name, "run.1".
std::string runDetached(const CommandParts& parts, const store::App& app, const RunWish& wish);
/// All that runs of the app: the engine's processes, then one-off ones.
std::vector<runner::ProcessStatus> processesOf(const CommandParts& parts, const store::App& app);

}  // namespace controller
