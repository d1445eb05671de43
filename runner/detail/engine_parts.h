// What the deploys' threads and the supervisor share.
#pragma once

#include <mutex>
#include <optional>
#include <vector>

#include "base/log.h"
#include "runner/detail/health_checks.h"
#include "runner/detail/process.h"
#include "runner/detail/process_table.h"
#include "runner/local_engine.h"

namespace runner::detail {

/// Brings the table's routes to the router, and its apps' processes to each other. Thread-safe.
class RoutePublisher {
 public:
  RoutePublisher(Router& router, sandbox::ContainerRuntime& runtime, const ProcessTable& table,
                 std::string domain)
      : router_(router), runtime_(runtime), table_(table), domain_(std::move(domain)) {}

  void publish() {
    // Held over the router's work on purpose, and for nothing else: an older picture of the table must not
    // overtake a newer one.
    const std::lock_guard lock(order_);
    if (closed_) return;
    router_.apply(table_.routes(domain_));
    connectPeers();
  }
  /// Only what lies between the processes of an app: for such that begin.
  void connect() {
    const std::lock_guard lock(order_);
    if (!closed_) connectPeers();
  }
  /// Stops the router; publish() does nothing from now on.
  void close() {
    const std::lock_guard lock(order_);
    closed_ = true;
    router_.stop();
  }

 private:
  /// No change fails for it: it is tried again with the next one.
  void connectPeers() noexcept {
    try {
      auto groups = table_.networkGroups();
      if (groups == groups_) return;
      runtime_.setNetworkGroups(groups);
      groups_ = std::move(groups);
    } catch (const std::exception& failure) {
      base::Log("runner").warn("processes could not be connected", {{"problem", failure.what()}});
    }
  }

  Router& router_;
  sandbox::ContainerRuntime& runtime_;
  const ProcessTable& table_;
  const std::string domain_;
  std::mutex order_;
  std::optional<std::vector<sandbox::NetworkGroup>> groups_;  // as they are; nullopt: not known
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
  RoutePublisher publisher{router, runtime, table, config.domain};
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
