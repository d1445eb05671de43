#include "runner/local_engine.h"

#include <algorithm>
#include <tuple>
#include <utility>

#include "base/error.h"
#include "base/log.h"
#include "runner/detail/engine_parts.h"
#include "runner/detail/launch.h"
#include "runner/detail/launch_plan.h"
#include "runner/detail/process_meter.h"
#include "runner/detail/supervisor.h"

namespace runner {
namespace {

using base::Errc;
using base::Error;
using detail::Phase;
using detail::Process;

constexpr std::chrono::seconds kRemovalTimeout{60};

/// See Engine. A change holds the app's change lock from its plan to its end; the supervisor restarts nothing
/// of the app meanwhile.
class LocalEngine : public Engine {
 public:
  LocalEngine(LocalEngineConfig config, sandbox::ContainerRuntime& runtime, Router& router, AppLog& log,
              LayerFolder layerFolder, const base::Clock& clock)
      : parts_{std::move(config), runtime, router, log, std::move(layerFolder), clock} {
    for (const auto& [app, routes] : parts_.config.routes)
      parts_.table.setRoutes(app, routes);
    recover();
    meter_.emplace(parts_);
    supervisor_.emplace(parts_);
  }

  LaunchResult deploy(const Deployment& deployment, const std::function<void(std::string_view)>& progress,
                      std::stop_token stop) override {
    const auto hold = parts_.locks.acquire(deployment.app, stop);
    removeLeftovers([&](const std::string& id) { return detail::isContainerOf(deployment.app, id); });
    const auto plan = detail::planDeploy(deployment, parts_.table.of(deployment.app));
    setChecks(deployment, plan);
    LaunchResult result = detail::launch(
        parts_, deployment, plan, progress ? progress : [](std::string_view) {}, stop);
    note(deployment, plan, result);
    return result;
  }

  LaunchResult restart(const store::AppName& app, const std::string& processOrType) override {
    const auto hold = parts_.locks.acquire(app, {});
    const auto desired = parts_.table.desired(app);
    const auto plan =
        detail::planRestart(processOrType, parts_.table.of(app),
                            desired ? detail::wantedSlots(*desired) : std::vector<detail::Slot>());
    if (plan.start.empty()) return Launched{};
    if (!desired)
      throw Error(
          Errc::unavailable,
          app.str() + " is still being taken over after a restart of the server: try again in a moment");
    LaunchResult result = detail::launch(parts_, *desired, plan, [](std::string_view) {}, {});
    note(*desired, plan, result);
    return result;
  }

  void stop(const store::AppName& app, const std::string& processOrType) override {
    const auto hold = parts_.locks.acquire(app, {});
    const std::vector<std::uint64_t> keys = detail::planStop(processOrType, parts_.table.of(app));
    parts_.table.update(keys, [](Process& process) { process.serving = false; });
    parts_.publisher.publish();
    detail::retire(parts_, keys, detail::Drain::first);
    for (const std::uint64_t key : keys) {
      const auto process = parts_.table.find(key);
      if (process && !process->container.empty()) parts_.state.save(*process);
    }
  }

  void remove(const store::AppName& app) override {
    const auto hold = parts_.locks.acquire(app, {});
    parts_.table.eraseApp(app);
    parts_.publisher.publish();
    retireAll(parts_.table.of(app));
    parts_.state.removeApp(app);
    awaitGone(app);
    removeLeftovers([&](const std::string& id) { return detail::isContainerOf(app, id); });
  }

  void route(const store::AppName& app, const AppRoutes& routes) override {
    parts_.table.setRoutes(app, routes);
    parts_.publisher.publish();
  }

  std::vector<ProcessStatus> processes(const store::AppName& app) override {
    std::vector<Process> present = parts_.table.of(app);
    std::stable_sort(present.begin(), present.end(), [](const Process& a, const Process& b) {
      return std::tuple(a.phase == Phase::stopping, a.type, a.index) <
             std::tuple(b.phase == Phase::stopping, b.type, b.index);
    });
    std::vector<ProcessStatus> list;
    list.reserve(present.size());
    for (const Process& process : present) {
      list.push_back(detail::statusOf(process));
      list.back().node = parts_.config.node;
    }
    return list;
  }

  std::vector<store::AppName> apps() override { return parts_.table.apps(); }

  void stopAll() override {
    parts_.locks.close();
    retireAll(parts_.table.all());
    awaitGone(std::nullopt);
    removeLeftovers([](const std::string& id) { return detail::isProcessContainer(id); });
    parts_.publisher.close();
  }

 private:
  /// Of the processes that stay as they are: their checks count from now on.
  void setChecks(const Deployment& deployment, const detail::LaunchPlan& plan) {
    for (const Process& process : parts_.table.of(deployment.app)) {
      const bool stays = process.phase != Phase::stopping &&
                         std::find(plan.retire.begin(), plan.retire.end(), process.key) == plan.retire.end();
      const auto wanted = stays ? detail::checksOf(deployment, process.type) : nullptr;
      const bool same = wanted && process.checks ? *wanted == *process.checks : wanted == process.checks;
      if (!stays || same) continue;
      parts_.table.update(process.key, [&](Process& current) {
        current.setChecks(wanted);
        // It is up: what is asked at the start was answered.
        for (detail::CheckState& state : current.checkStates)
          state.passed = current.phase == Phase::up;
      });
    }
    parts_.health.lookAgain();
  }

  /// Without draining; what drains already does not go on with it.
  void retireAll(const std::vector<Process>& present) {
    std::vector<std::uint64_t> keys, stopping;
    for (const Process& process : present)
      (process.phase == Phase::stopping ? stopping : keys).push_back(process.key);
    detail::retire(parts_, keys, detail::Drain::none);
    parts_.table.update(stopping, [](Process& process) { process.notBefore = process.drainUntil = {}; });
  }

  void awaitGone(const std::optional<store::AppName>& app) {
    if (!parts_.table.waitUntilGone(app, parts_.config.stopGrace + kRemovalTimeout)) {
      throw Error(Errc::timedOut, "some processes could not be stopped: the server's log tells why");
    }
  }

  /// Containers that no process of the table stands for: of a daemon that died between making one and writing
  /// it down.
  void removeLeftovers(const std::function<bool(const std::string&)>& isOurs) {
    const std::vector<Process> known = parts_.table.all();
    for (const std::string& id : parts_.runtime.list()) {
      const bool isKnown = std::any_of(known.begin(), known.end(),
                                       [&](const Process& process) { return process.container == id; });
      if (isKnown || !isOurs(id)) continue;
      log_.warn("removing a left over container", {{"container", id}});
      parts_.runtime.remove(id);
    }
  }

  /// Takes over what an earlier daemon wrote down: running processes are kept as they are, ended ones are
  /// left to deploy().
  void recover() {
    for (auto& [app, processes] : parts_.state.load()) {
      parts_.table.setApp(app, nullptr);
      for (Process& process : processes) {
        const auto status = parts_.runtime.status(process.container);
        if (status && status->running) {
          const bool lives = process.phase == Phase::up || process.phase == Phase::starting;
          if (!lives) drainOn(process);
          process.serving = process.phase == Phase::up;
          process.startedSteady = process.usageAt = std::chrono::steady_clock::now();
          process.usage = parts_.runtime.usage(process.container);
          parts_.table.add(std::move(process));
        } else {
          log_.info("process ended while the server was not running",
                    {{"app", app.str()}, {"process", process.name()}});
          parts_.runtime.remove(process.container);
          parts_.state.remove(app, process.container);
        }
      }
    }
  }

  /// The earlier daemon had taken it out, or not put it in yet: it has what is left of its time for requests.
  void drainOn(Process& process) {
    const bool wasDraining = process.phase == Phase::stopping && process.isWeb();
    process.phase = Phase::stopping;
    if (!wasDraining) return;
    const auto left = process.since + parts_.config.drainMax - parts_.clock.now();
    process.drainUntil = std::chrono::steady_clock::now() + std::min(left, parts_.config.drainMax);
  }

  void note(const Deployment& deployment, const detail::LaunchPlan& plan, const LaunchResult& result) {
    if (const auto* failed = std::get_if<LaunchFailed>(&result)) {
      parts_.log.append(deployment.app, "runner",
                        failed->process + " of " + deployment.release.str() + " " + failed->reason);
    } else if (!plan.start.empty() || !plan.retire.empty()) {
      parts_.log.append(deployment.app, "runner",
                        deployment.release.str() + ": " + std::to_string(plan.start.size()) + " started, " +
                            std::to_string(plan.retire.size()) + " stopped");
    }
  }

  detail::EngineParts parts_;
  base::Log log_{"runner"};
  std::optional<detail::ProcessMeter> meter_;  // from here on last: their threads use parts_
  std::optional<detail::Supervisor> supervisor_;
};

}  // namespace

std::unique_ptr<Engine> makeLocalEngine(LocalEngineConfig config, sandbox::ContainerRuntime& runtime,
                                        Router& router, AppLog& log, LayerFolder layerFolder,
                                        const base::Clock& clock) {
  return std::make_unique<LocalEngine>(std::move(config), runtime, router, log, std::move(layerFolder),
                                       clock);
}

}  // namespace runner
