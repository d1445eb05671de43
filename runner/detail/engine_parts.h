// What the deploys' threads and the supervisor share.
#pragma once

#include <mutex>

#include "runner/detail/health_checks.h"
#include "runner/detail/process.h"
#include "runner/detail/process_table.h"
#include "runner/local_engine.h"

namespace runner::detail {

/// Brings the table's routes to the router. Thread-safe.
class RoutePublisher {
 public:
  RoutePublisher(Router& router, const ProcessTable& table, std::string domain)
      : router_(router), table_(table), domain_(std::move(domain)) {}

  void publish() {
    // Held over the router's work on purpose, and for nothing else: an older picture of the table must not
    // overtake a newer one.
    const std::lock_guard lock(order_);
    if (!closed_) router_.apply(table_.routes(domain_));
  }
  /// Stops the router; publish() does nothing from now on.
  void close() {
    const std::lock_guard lock(order_);
    closed_ = true;
    router_.stop();
  }

 private:
  Router& router_;
  const ProcessTable& table_;
  const std::string domain_;
  std::mutex order_;
  bool closed_ = false;
};

/// Owned by the engine, borrowed by the rest. Members are thread-safe each.
struct EngineParts {
  const LocalEngineConfig config;
  sandbox::ContainerRuntime& runtime;
  Router& router;
  AppLog& log;
  const LayerFolder layerFolder;
  const base::Clock& clock;
  StateFolder state{config.stateFolder};
  ProcessTable table{};
  ChangeLocks locks{};
  RoutePublisher publisher{router, table, config.domain};
  HealthChecks health{{.listenTimeout = config.portTimeout}, table, runtime, [this](const Process& process) {
                        changeReadiness(process);
                      }};

  /// A process has become ready, or is not any more.
  void changeReadiness(const Process& process);
};

/// How a process ended, in words, with the limit that was behind it. Before its container is removed.
std::string describeEnd(EngineParts& parts, const Process& process, const base::ExitStatus& exit);

/// A started container as a process of the table, phase launching.
Process startProcess(EngineParts& parts, const Deployment& deployment, const std::string& type, int index);

/// Hands processes over to the supervisor to be stopped: drained first (web processes) or at once.
enum class Drain { first, none };
void retire(EngineParts& parts, const std::vector<std::uint64_t>& keys, Drain drain);

}  // namespace runner::detail
