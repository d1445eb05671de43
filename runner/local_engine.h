// The embedded engine: processes in containers on this machine.
#pragma once

#include <chrono>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <string>

#include "base/clock.h"
#include "runner/app_log.h"
#include "runner/engine.h"
#include "runner/router.h"
#include "sandbox/container.h"

namespace runner {

struct LocalEngineConfig {
  std::string domain = "localhost";  ///< apps are served at APP.DOMAIN
  std::filesystem::path
      stateFolder;  ///< DIR/run/processes: one small file per process, so that a new daemon adopts them
  std::chrono::seconds portTimeout{60};  ///< setting port_timeout_s
  std::chrono::seconds stopGrace{30};    ///< setting stop_grace_s
  std::chrono::milliseconds drain{500};  ///< after the change of routes, before SIGTERM, at least
  std::chrono::milliseconds drainMax{30'000};  ///< setting drain_max_s: and at most, for what is in flight
  ProcessSize size;  ///< of types without their own: settings process_memory_bytes, process_cpus,
                     ///< process_pids, process_disk_bytes
  std::chrono::milliseconds backoffFirst{1000};  ///< doubled at each crash
  std::chrono::milliseconds backoffLast{300000};
  std::chrono::milliseconds workerCheck{
      1000};                            ///< a process without a port counts as up when it runs that long
  std::chrono::milliseconds poll{250};  ///< how often the supervisor looks at the processes
  std::chrono::milliseconds sampleEvery{10'000};  ///< how often their use of memory and processors is read
  std::string node;                             ///< this machine's name
  std::uint16_t port = 5000;                    ///< PORT of every web process: each has an address of its own
  std::filesystem::path caBundle;               ///< mounted over the image's; empty: none
  std::map<store::AppName, AppRoutes> routes;   ///< as Engine::route() had set them before this daemon
};

/// Gives the unpacked folder of a layer.
using LayerFolder = std::function<std::filesystem::path(const store::Layer&)>;

/// One supervisor thread restarts what crashed; deploys run on their callers' threads.
std::unique_ptr<Engine> makeLocalEngine(LocalEngineConfig config, sandbox::ContainerRuntime& runtime,
                                        Router& router, AppLog& log, LayerFolder layerFolder,
                                        const base::Clock& clock);

}  // namespace runner
