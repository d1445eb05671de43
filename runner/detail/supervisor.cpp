#include "runner/detail/supervisor.h"

#include <pthread.h>

#include <algorithm>
#include <condition_variable>
#include <csignal>
#include <mutex>
#include <utility>

#include "base/error.h"
#include "runner/detail/port_check.h"

namespace runner::detail {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr std::chrono::minutes kStableAfter{10};
constexpr std::chrono::seconds kRoutesEvery{2};
constexpr std::chrono::seconds kRetryRemoval{5};

std::string shown(milliseconds pause) {
  return pause < std::chrono::seconds(1) ? std::to_string(pause.count()) + " ms"
                                         : std::to_string(pause.count() / 1000) + " s";
}

}  // namespace

Supervisor::Supervisor(EngineParts& parts)
    : parts_(parts), thread_([this](const std::stop_token& stop) { run(stop); }) {}

void Supervisor::run(const std::stop_token& stop) {
  ::pthread_setname_np(::pthread_self(), "supervisor");
  std::mutex mutex;
  std::condition_variable_any never;
  while (!stop.stop_requested()) {
    for (const Process& process : parts_.table.all()) {
      attempt("supervising a process", [&] { step(process); });
      if (stop.stop_requested()) return;
    }
    housekeep();
    std::unique_lock lock(mutex);
    never.wait_for(lock, stop, parts_.config.poll, [] { return false; });
  }
}

void Supervisor::attempt(const char* doing, const std::function<void()>& job) {
  try {
    job();
  } catch (const std::exception& failure) {
    log_.warn("failed", {{"doing", doing}, {"problem", failure.what()}});
  }
}

void Supervisor::step(const Process& process) {
  switch (process.phase) {
    case Phase::launching:
      break;
    case Phase::starting:
    case Phase::up:
      watch(process);
      break;
    case Phase::crashed:
      startAgain(process);
      break;
    case Phase::stopping:
      bringToEnd(process);
      break;
  }
}

void Supervisor::watch(const Process& process) {
  const auto status = parts_.runtime.status(process.container);
  if (!status || !status->running) {
    crash(process, status ? describeEnd(parts_, process, status->exit) : "vanished");
    return;
  }
  const Health health = healthOf(process);
  if (process.phase == Phase::up) {
    // Once it is decided no late good answer undoes it.
    if (!process.endReason.empty() || !health.unwell.empty())
      replace(process, "its " + health.unwell);
    else if (status->unattended)
      replace(process, "conmon, which keeps its log, was killed");
    return;
  }
  if (!health.startProblem.empty()) return crash(process, health.startProblem);
  if (!health.started) return;
  const auto age = steady_clock::now() - process.startedSteady;
  const bool ready =
      !hasDefaultStart(process) || (process.isWeb() ? acceptsConnections(process.address, milliseconds(100))
                                                    : age >= parts_.config.workerCheck);
  if (ready) {
    becomeUp(process);
  } else if (process.isWeb() && age >= parts_.config.portTimeout) {
    crash(process, "did not open port " + std::to_string(parts_.config.port) + " in time");
  }
}

/// No requests, SIGTERM, SIGKILL after the grace; its end is then seen as any other.
void Supervisor::replace(const Process& process, const std::string& why) {
  const auto now = steady_clock::now();
  if (process.endReason.empty()) {
    const auto updated = parts_.table.update(process.key, [&](Process& current) {
      if (current.phase != Phase::up) return;  // a deploy retired it meanwhile
      current.endReason = "was replaced: " + why;
      current.serving = false;
      current.killAt = now + parts_.config.stopGrace;
    });
    if (!updated || updated->phase != Phase::up) return;
    publish(process);
    parts_.log.append(process.app, "runner", process.name() + " is replaced: " + why);
    parts_.runtime.signal(process.container, SIGTERM);
  } else if (now >= process.killAt) {
    parts_.runtime.signal(process.container, SIGKILL);
  }
}

void Supervisor::becomeUp(const Process& process) {
  const auto now = parts_.table.update(process.key, [&](Process& current) {
    if (current.phase != Phase::starting) return;  // a deploy retired it meanwhile
    current.phase = Phase::up;
    current.serving = true;
    current.since = parts_.clock.now();
  });
  if (!now || now->phase != Phase::up) return;
  publish(*now);
  parts_.health.lookAgain();
  parts_.state.save(*now);
  parts_.log.append(now->app, "runner", now->name() + " is up again");
}

void Supervisor::publish(const Process& process) {
  if (process.isWeb())
    attempt("changing routes", [&] { parts_.publisher.publish(); });
  else
    parts_.publisher.connect();
}

milliseconds Supervisor::backoff(int steps) const {
  milliseconds pause = parts_.config.backoffFirst;
  for (int i = 0; i < steps && pause < parts_.config.backoffLast; ++i)
    pause *= 2;
  return std::min(pause, parts_.config.backoffLast);
}

void Supervisor::crash(const Process& process, const std::string& why) {
  const bool wasStable = process.phase == Phase::up && parts_.clock.now() - process.since >= kStableAfter;
  const int steps = wasStable ? 0 : process.backoffSteps;
  const milliseconds pause = backoff(steps);
  bool mine = false;
  parts_.table.update(process.key, [&](Process& current) {
    if (current.phase != process.phase) return;
    mine = true;
    current.phase = Phase::crashed;
    current.serving = false;
    current.container.clear();
    current.address.clear();
    current.endReason.clear();
    current.usage = {};
    current.cpus = 0;
    current.since = parts_.clock.now();
    current.lastExit = why;
    current.backoffSteps = steps + 1;
    current.restartAt = steady_clock::now() + pause;
  });
  if (!mine) return;
  publish(process);
  attempt("logging", [&] {
    const std::string next = parts_.table.desired(process.app) ? "; restart in " + shown(pause) : "";
    parts_.log.append(process.app, "runner", process.name() + " " + why + next);
  });
  parts_.state.remove(process.app, process.container);
  parts_.runtime.remove(process.container);
}

void Supervisor::startAgain(const Process& process) {
  if (steady_clock::now() < process.restartAt) return;
  const auto desired = parts_.table.desired(process.app);
  if (!desired) return;  // its environment is not known before the first deploy()
  const auto hold = parts_.locks.tryAcquire(process.app);
  if (!hold) return;
  // Should starting fail, the pause holds for the next attempt as well.
  const auto current = parts_.table.update(process.key, [&](Process& crashed) {
    crashed.restartAt = steady_clock::now() + backoff(crashed.backoffSteps);
  });
  if (!current || current->phase != Phase::crashed || !desired->types.contains(process.type)) return;
  const Process started = startProcess(parts_, *desired, process.type, process.index);
  const auto now = parts_.table.update(process.key, [&](Process& crashed) {
    crashed.container = started.container;
    crashed.address = started.address;
    crashed.startedAt = started.startedAt;
    crashed.startedSteady = started.startedSteady;
    crashed.since = started.since;
    crashed.size = started.size;
    crashed.usageAt = started.usageAt;
    crashed.setChecks(started.checks);
    crashed.phase = Phase::starting;
    ++crashed.restarts;
  });
  CHECK(now.has_value());  // the change lock is ours
  parts_.health.lookAgain();
  parts_.publisher.connect();
  parts_.state.save(*now);
}

void Supervisor::bringToEnd(const Process& process) {
  const auto now = steady_clock::now();
  if (now < process.notBefore) return;
  if (process.container.empty()) {
    parts_.table.erase(process.key);
    // It had crashed: the router says that no more.
    if (process.isWeb()) attempt("changing routes", [&] { parts_.publisher.publish(); });
    return;
  }
  const auto status = parts_.runtime.status(process.container);
  const bool ended = !status || !status->running;
  const bool mayDrain = !ended && !process.terminated && now < process.drainUntil;
  if (mayDrain && connections_.openTo(process.address)) return;
  if (!ended && !process.terminated) {
    parts_.table.update(process.key, [&](Process& current) {
      current.terminated = true;
      current.killAt = now + parts_.config.stopGrace;
    });
    parts_.runtime.signal(process.container, SIGTERM);
    return;
  }
  if (!ended && now < process.killAt) return;
  if (!ended) {
    attempt("logging", [&] {
      parts_.log.append(
          process.app, "runner",
          process.name() + " did not end within " + shown(parts_.config.stopGrace) + " of SIGTERM: killed");
    });
  }
  parts_.table.update(process.key, [&](Process& current) { current.notBefore = now + kRetryRemoval; });
  parts_.runtime.remove(process.container);
  parts_.state.remove(process.app, process.container);
  parts_.table.erase(process.key);
  parts_.publisher.connect();
}

void Supervisor::housekeep() {
  const auto now = steady_clock::now();
  // Also when nothing changed: the router starts again what has died, and takes what it missed.
  if (now >= routesDue_) {
    routesDue_ = now + kRoutesEvery;
    attempt("changing routes", [&] { parts_.publisher.publish(); });
  }
}

}  // namespace runner::detail
