// One process of an app as the engine knows it, and the small file that tells the next daemon about it.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "base/child_process.h"
#include "base/clock.h"
#include "runner/engine.h"
#include "sandbox/container.h"

namespace runner::detail {

using SteadyTime = std::chrono::steady_clock::time_point;

/// Who may act on a process follows from its phase: `launching` belongs to the deploy that started it, all
/// others to the supervisor.
enum class Phase {
  launching,  ///< started by a deploy that is not over
  starting,   ///< started again by the supervisor, not serving yet
  up,
  crashed,  ///< no container; started again at `restartAt`
  stopping  ///< replaced or not wanted any more: nothing happens to it before `notBefore`, and until
            ///< `drainUntil` while the router has connections to it; then SIGTERM, and it has until `killAt`
};

/// What came of a check so far.
struct CheckState {
  bool passed = false;  ///< once, in this container
  int failures = 0;     ///< one after the other, up to the check's attempts
  std::string problem;  ///< of the last one
};

struct Process {
  std::uint64_t key = 0;  ///< within this daemon
  store::AppName app;
  std::string type;
  int index = 0;
  store::ReleaseVersion release;
  std::string identity;   ///< digest of all that it was started from
  std::string container;  ///< id, or empty when crashed
  std::string command;
  std::string address;  ///< HOST:PORT for web processes
  Phase phase = Phase::launching;
  bool serving = false;  ///< the router may send to it while it is up
  base::Time since;      ///< of the phase
  base::Time startedAt;  ///< of the container
  int restarts = 0;
  std::string lastExit;
  int backoffSteps = 0;
  SteadyTime restartAt;
  SteadyTime startedSteady;
  SteadyTime notBefore;
  SteadyTime drainUntil;
  bool terminated = false;  ///< got its SIGTERM
  SteadyTime killAt;
  ProcessSize size;
  std::string endReason;  ///< why it was killed by us, for when its end is seen
  sandbox::ContainerUsage usage;
  SteadyTime usageAt;  ///< of `usage`; the start, before the first one
  double cpus = 0;     ///< between the last two
  std::shared_ptr<const std::vector<store::ProcessCheck>> checks;  ///< null: port or running
  std::vector<CheckState> checkStates;                             ///< one for each of them

  /// For a container that begins, or other checks. Null for none.
  void setChecks(std::shared_ptr<const std::vector<store::ProcessCheck>> wanted);
  std::string name() const { return type + "." + std::to_string(index); }
  bool isWeb() const { return type == "web"; }
};

ProcessStatus statusOf(const Process& process);
std::string_view phaseName(Phase phase) noexcept;
/// "exited with status 1", "was killed by signal 9".
std::string describeExit(const base::ExitStatus& exit);

/// DIR/run/processes/APP/: app.json (the app has a route) and CONTAINER.json per process. Config values are
/// not in them. Thread-safe.
class StateFolder {
 public:
  explicit StateFolder(std::filesystem::path folder);
  void keepApp(const store::AppName& app);
  void removeApp(const store::AppName& app);
  void save(const Process& process);
  void remove(const store::AppName& app, const std::string& container);
  /// Everything; damaged files are removed (their containers are found as leftovers later).
  std::map<store::AppName, std::vector<Process>> load();

 private:
  std::filesystem::path folder_;
  std::mutex mutex_;  // held while files come and go: an app's folder goes with its last one
};

}  // namespace runner::detail
