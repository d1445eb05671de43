// What makes a release's processes run. `local` is one; cluster engines follow the same interface.
#pragma once

#include <chrono>
#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/clock.h"
#include "base/digest.h"
#include "store/model.h"
#include "store/process_check.h"

namespace runner {

/// What one process may take; 0: no limit, where that is said.
struct ProcessSize {
  std::uint64_t memoryBytes = 512ull << 20;
  double cpus = 0;              ///< processors; 0: all, shared fairly
  std::int64_t pids = 1024;     ///< processes and threads
  std::uint64_t diskBytes = 0;  ///< written outside its volumes and /tmp; 0: any
  auto operator<=>(const ProcessSize&) const = default;
};
/// "512M, 0.5 cpu, 1024 pids, 1G disk"; what is not limited is left out.
std::string describe(const ProcessSize& size);

/// A folder of this machine that processes see, and that outlives them.
struct VolumeMount {
  std::filesystem::path source;  ///< exists
  std::string target;            ///< absolute, in the container
  bool readOnly = false;
  auto operator<=>(const VolumeMount&) const = default;
};

/// Desired state of one app: what shall run.
struct Deployment {
  store::AppName app;
  store::ReleaseVersion release;
  std::vector<store::Layer>
      layers;  ///< of the release's image, bottom first: stack run image, slug, start layer
  store::ConfigVars environment;  ///< config vars over defaults; PORT, DYNO, HOME are added by the engine
  store::ProcessTypes types;
  store::Formation formation;                     ///< types not named here run 0
  std::map<std::string, ProcessSize> sizes = {};  ///< of types that have one of their own
  std::vector<VolumeMount> volumes = {};          ///< of all its processes
  store::ProcessChecks checks = {};  ///< of types with other checks than "the port is open", "it runs"
};

struct Launched {};
/// The old processes serve on.
struct LaunchFailed {
  std::string process;  ///< "web.1"
  std::string
      reason;  ///< "exited with status 1 before it opened port 5000", "did not open port 5000 within 60 s"
  std::vector<std::string> lastLines;  ///< of its log, at most 50
};
using LaunchResult = std::variant<Launched, LaunchFailed>;

enum class ProcessState { starting, up, crashed, stopping, down };
std::string_view name(ProcessState state) noexcept;

struct ProcessStatus {
  std::string name;  ///< "web.1"
  std::string type;
  store::ReleaseVersion release;
  ProcessState state = ProcessState::starting;
  base::Time since;
  std::string command;
  int restarts = 0;
  std::string lastExit;  ///< "exit status 1", or empty
  std::string address;   ///< HOST:PORT for web processes, else empty
  ProcessSize size;
  std::uint64_t memoryBytes = 0;  ///< in use, some seconds ago
  double cpus = 0;                ///< processors that were busy with it during the last seconds
  std::string node;               ///< the machine that it runs on
  std::string notReady = {};      ///< why the router leaves it out although it is up; empty: it does not
  std::string container = {};     ///< what runs it; empty: nothing does
};

/// How an app is reached beside APP.DOMAIN.
struct AppRoutes {
  std::vector<std::string> hosts;  ///< its own; "*.example.com" too
  bool maintenance = false;        ///< its hosts answer with a page of maintenance
  auto operator<=>(const AppRoutes&) const = default;
};

/// Thread-safe. One change per app at a time: a second one waits.
class Engine {
 public:
  virtual ~Engine() = default;
  /// Makes what runs equal to what is asked. Processes of the same release that run already are kept (so this
  /// also scales, and adopts after a restart of the daemon); those of another release are replaced: new ones
  /// start, every web process opens its port, the router changes over, the old ones drain and stop. All or
  /// none.
  virtual LaunchResult deploy(const Deployment& deployment,
                              const std::function<void(std::string_view)>& progress,
                              std::stop_token stop) = 0;
  /// Replaces processes one for one by new ones of the same release; all, those of a type ("web"), or one
  /// ("web.1"). Throws notFound for a name that is not there.
  virtual LaunchResult restart(const store::AppName& app, const std::string& processOrType) = 0;
  /// Ends those of a type ("web") or one ("web.1"), and brings them back with the app's next change or
  /// restart only. Returns before they are gone; throws notFound for a name that is not there.
  virtual void stop(const store::AppName& app, const std::string& processOrType) = 0;
  /// Stops everything of the app and forgets it, its route too. Unknown apps are fine.
  virtual void remove(const store::AppName& app) = 0;
  /// Replaces what was set before, in one step; kept until remove(), not over a restart of the daemon. An app
  /// that was never deployed has no route but for its maintenance page.
  virtual void route(const store::AppName& app, const AppRoutes& routes) = 0;
  virtual std::vector<ProcessStatus> processes(const store::AppName& app) = 0;
  /// All that were deployed and not removed, by an earlier daemon too.
  virtual std::vector<store::AppName> apps() = 0;
  /// Stops every process of every app, and the router. For a shutdown that shall leave nothing.
  virtual void stopAll() = 0;
};

}  // namespace runner
