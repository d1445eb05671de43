// The thread that owns every process between changes.
#pragma once

#include <functional>
#include <stop_token>
#include <string>
#include <thread>

#include "base/log.h"
#include "runner/detail/backend_connections.h"
#include "runner/detail/engine_parts.h"

namespace runner::detail {

/// Looks at all processes every `poll`: takes a crashed one out of the routes at once and starts it again
/// after a growing pause, brings processes that are stopping to their end, and keeps the
/// router alive. The destructor ends the thread and leaves all processes as they are.
class Supervisor {
 public:
  explicit Supervisor(EngineParts& parts);

 private:
  void run(const std::stop_token& stop);
  void step(const Process& process);
  void watch(const Process& process);
  void replace(const Process& process, const std::string& why);
  /// What the process's change means for the router and for its app's processes.
  void publish(const Process& process);
  void becomeUp(const Process& process);
  void crash(const Process& process, const std::string& why);
  void startAgain(const Process& process);
  void bringToEnd(const Process& process);
  void housekeep();
  /// The one place that catches: a failing job is logged and tried again by a later round.
  void attempt(const char* doing, const std::function<void()>& job);
  std::chrono::milliseconds backoff(int steps) const;

  EngineParts& parts_;
  base::Log log_{"runner"};
  BackendConnections connections_;
  SteadyTime routesDue_;
  std::jthread thread_;  // last: it uses the members above
};

}  // namespace runner::detail
