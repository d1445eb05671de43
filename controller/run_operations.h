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
  std::string shown = {};         ///< what people see of the command; empty: its words
  int number = 0;                 ///< of its name; 0: the lowest that is free
  std::uint64_t memoryBytes = 0;  ///< 0: as every process
  double cpus = 0;                ///< 0: as every process
};

/// Throws conflict before the first deploy.
void requireDeployed(const CommandParts& parts, const store::App& app);
/// With the current release's slug and environment. Blocks until it has ended; a stop ends it. Throws
/// conflict before the first deploy, overloaded beyond run_max_sessions.
runner::OneOffEnd runAttached(const CommandParts& parts, const store::App& app, const RunWish& wish,
                              base::Interaction& client, std::stop_token stop);
/// A command, or a shell without one, inside a process of the app that runs ("web.1", "run.1"). Blocks until
/// it has ended; a stop ends it. Throws notFound, conflict for a process that does not run at the moment,
/// overloaded beyond run_max_sessions. Of the wish command, timeout and user count.
runner::OneOffEnd execAttached(const CommandParts& parts, const store::App& app, const std::string& process,
                               const RunWish& wish, base::Interaction& client, std::stop_token stop);
/// The same as runAttached() with its output in the app's log; returns its name, "run.1".
std::string runDetached(const CommandParts& parts, const store::App& app, const RunWish& wish);
/// The words that run a line of a shell, as it is typed behind `heroku run`: its first word may be one of the
/// app's process types. Throws invalidArgument for an empty one.
std::vector<std::string> shellCommand(const CommandParts& parts, const store::App& app,
                                      const std::string& line);
/// The same for these types.
std::vector<std::string> shellCommand(const store::ProcessTypes& types, const std::string& line);
/// Ends processes of a type ("web", "run"), or one ("web.1", "run.1"). Those of the formation come back with
/// the app's next release, scaling or restart, one-off ones never. Throws notFound when there is none.
void stopProcesses(const CommandParts& parts, const store::App& app, const std::string& processOrType,
                   const std::string& user);
/// All that runs of the app: the engine's processes, then one-off ones.
std::vector<runner::ProcessStatus> processesOf(const CommandParts& parts, const store::App& app);

}  // namespace controller
