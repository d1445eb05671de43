// Waiting for a container that somebody watches.
#pragma once

#include <chrono>
#include <functional>

#include "base/byte_sink.h"
#include "base/fd.h"
#include "sandbox/container.h"
#include "sandbox/detail/network_guard.h"

namespace sandbox {

/// Passes a started container's output on until it has ended, and ends it when the time is over or a stop is
/// asked for: SIGTERM to all, after options.killGrace SIGKILL. One use, one thread.
class AttachedRun {
 public:
  struct Container {
    base::Fd output;                     ///< read end of its pipe
    base::Fd monitor;                    ///< pidfd of conmon, which ends after it
    base::Fd init;                       ///< pidfd of its first process
    std::function<void(int)> signalAll;  ///< to every process in it
    NetworkGuard* guard = nullptr;       ///< whose refusals options.onRefusedHost is told of
    std::function<void()> endRest = {};  ///< ends what its first process leaves, where that can be
  };
  AttachedRun(Container container, base::ByteSink& sink, const RunOptions& options);

  /// Throws what the sink throws, and timedOut when even SIGKILL does not end it (a process that hangs in the
  /// kernel).
  RunResult::End drive();
  /// When it ended, after drive(): before its monitor had noted that down.
  std::chrono::steady_clock::time_point endedAt() const { return endedAt_; }

 private:
  using SteadyTime = std::chrono::steady_clock::time_point;

  /// One wait and what came of it; false when the container has ended.
  bool step();
  void noteEnd();
  void passOutput();
  void passRefusals();
  void actOnTime();
  void beginStop(RunResult::End reason);
  SteadyTime nextDeadline() const;
  void drain();

  Container container_;
  base::ByteSink& sink_;
  const RunOptions& options_;
  base::Fd stopEvent_;
  enum class Phase { running, terminating, killing } phase_ = Phase::running;
  SteadyTime deadline_;    // of the phase
  SteadyTime lastOutput_;  // or the start
  SteadyTime endedAt_;
  RunResult::End end_ = RunResult::End::exited;
};

}  // namespace sandbox
