// Processes that run once: a console, a migration, a task.
#pragma once

#include <chrono>
#include <cstdint>
#include <stop_token>
#include <string>
#include <vector>

#include "base/interaction.h"
#include "base/strings.h"
#include "runner/engine.h"

namespace runner {

/// What is to run once, in what.
struct OneOff {
  Deployment deployment;  ///< layers and environment; its process types run when they are named
  std::vector<std::string> command;
  store::ConfigVars environment;  ///< over the deployment's
  std::chrono::seconds timeout{0};
  std::string user;               ///< who asks, for the app's log
  std::string type = "run";       ///< of its name
  int number = 0;                 ///< of its name, when that is free; 0: the lowest
  std::string shown = {};         ///< what people see of the command; empty: its words
  std::uint64_t memoryBytes = 0;  ///< 0: as every process
  double cpus = 0;                ///< 0: as every process
  std::string title() const { return shown.empty() ? base::join(command, " ") : shown; }
};

/// A command inside a process that runs.
struct Exec {
  store::AppName app;
  std::string process;               ///< "web.1"
  std::string container;             ///< its ProcessStatus::container
  std::vector<std::string> command;  ///< empty: a shell
  std::chrono::seconds timeout{0};
  std::string user;  ///< who asks, for the app's log
};

/// How it ended, and as what it ran.
struct OneOffEnd {
  enum class How { exited, timedOut, stopped, lost };  ///< lost: nobody saw it
  std::string name;                                    ///< "run.1"
  int exitCode = 0;                                    ///< 128 + signal for a death by one
  std::string reason;                                  ///< "exited with status 3", "was ended after 60 s"
  How how = How::exited;
};

/// Thread-safe. They share nothing with the app's other processes but for exec(), and no deploy touches them.
/// Attached ones of a daemon that ended end with it; detached ones run on, and the next daemon has them.
class OneOffRunner {
 public:
  virtual ~OneOffRunner() = default;
  /// Blocks until it has ended; a stop ends it, with whatever it started. Throws overloaded, naming
  /// run_max_sessions, invalidArgument for an empty command.
  virtual OneOffEnd run(const OneOff& wanted, base::Interaction& client, std::stop_token stop) = 0;
  /// Its output goes to the app's log. Returns its name ("run.1") when it runs.
  virtual std::string runDetached(const OneOff& wanted) = 0;
  /// With the environment, user and limits that the process was started with, to the command's or the
  /// process's end; a stop ends it. Counts as one that runs: throws overloaded as run() does, notFound when
  /// the process has ended.
  virtual OneOffEnd exec(const Exec& wanted, base::Interaction& client, std::stop_token stop) = 0;
  virtual std::vector<ProcessStatus> processes(const store::AppName& app) = 0;
  /// Ends one, or all of the app when `name` is empty; throws notFound. Returns before it is gone.
  virtual void stop(const store::AppName& app, const std::string& name) = 0;
  /// Attached ones, as their clients go; none begins any more.
  virtual void stopAttached() = 0;
  /// All of them, and waits until detached ones are gone; none begins any more.
  virtual void stopAll() = 0;
};

}  // namespace runner
