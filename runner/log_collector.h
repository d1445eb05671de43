// The thread that brings what processes write into their apps' logs, and slows who writes too much.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include "base/log.h"
#include "runner/app_log.h"
#include "runner/output_budget.h"
#include "sandbox/container.h"

namespace runner {

namespace detail {
class AccessCollector;
}

struct LogCollectorConfig {
  std::uint64_t rateBytes = 1u << 20;    ///< setting app_log_rate_bytes: of one process, a second; 0: any
  std::uint64_t burstBytes = 16u << 20;  ///< setting app_log_burst_bytes
  /// Between two looks at everything, when all is quiet. What is written is taken at once.
  std::chrono::milliseconds poll{1'000};
  std::chrono::milliseconds settle{50};  ///< from one look at what is written to the next
  std::chrono::milliseconds slice{10};   ///< the same while a process writes too much
  std::chrono::seconds trimEvery{10};
  std::filesystem::path routerFolder;  ///< DIR/run/router, where requests are written down; empty: nowhere
  /// The app that a host (in small letters) leads to. Called on the collector's thread.
  std::function<std::optional<store::AppName>(const std::string& host)> appOf;
};

/// Takes what the spools have (AppLog::collect()) whoever reads, a MiB of each at a time, so that who writes
/// much does not keep the others' lines waiting. A process that has used up its budget has its output held
/// until it has earned some more: it waits in its own pipe, and its app's log says so once. At its start and
/// at its end nobody's output is held. The log and the runtime outlive it.
class LogCollector {
 public:
  LogCollector(LogCollectorConfig config, AppLog& log, sandbox::ContainerRuntime& runtime);
  ~LogCollector();
  LogCollector(const LogCollector&) = delete;
  LogCollector& operator=(const LogCollector&) = delete;

 private:
  using Steady = std::chrono::steady_clock::time_point;
  struct Writer {
    OutputBudget budget;
    bool held = false;
    Steady toldAt{};  ///< when its log was told; epoch: not yet
    std::uint64_t round = 0;
  };

  void run(const std::stop_token& stop);
  bool lookAt(const std::vector<store::AppName>& apps, const std::stop_token& stop);
  void judge(const store::AppName& app);
  void judge(const store::AppName& app, const AppLog::Growth& growth);
  void forgetGone();
  void attempt(const char* doing, const std::function<void()>& job);

  const LogCollectorConfig config_;
  AppLog& log_;
  sandbox::ContainerRuntime& runtime_;
  base::Log messages_{"log"};
  const std::unique_ptr<detail::AccessCollector> requests_;  // null without a router
  std::map<std::string, Writer> writers_;                    // by container
  std::uint64_t round_ = 0;
  bool anyShort_ = false;
  Steady failureDue_{};
  std::jthread thread_;  // last: it uses the members above
};

}  // namespace runner
