#include "runner/detail/launch.h"

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <future>
#include <memory>
#include <mutex>
#include <utility>

#include "base/error.h"
#include "base/guarded.h"
#include "base/size.h"
#include "runner/detail/cri_log.h"
#include "runner/detail/port_check.h"

namespace runner::detail {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

namespace {

constexpr std::size_t kParallelStarts = 4;
constexpr std::size_t kLastLines = 50;

/// The new processes of a change. Until commit() they are nobody's; without it the destructor gives them away
/// to be stopped.
class NewProcesses {
 public:
  explicit NewProcesses(EngineParts& parts) : parts_(parts) {}
  NewProcesses(const NewProcesses&) = delete;
  NewProcesses& operator=(const NewProcesses&) = delete;
  ~NewProcesses() {
    if (committed_) return;
    parts_.table.update(old_, [](Process& process) { process.serving = true; });
    retire(parts_, keys(), Drain::none);
  }

  /// On several threads at once.
  void start(const Deployment& deployment, const Slot& slot) {
    const std::uint64_t key = parts_.table.add(startProcess(parts_, deployment, slot.type, slot.index));
    keys_.with([&](auto& list) { list.push_back(key); });
    parts_.health.lookAgain();
  }

  std::vector<std::uint64_t> keys() const {
    return keys_.with([](const auto& list) { return list; });
  }

  /// New ones serve, old ones do not. The state is on disk before the routes change, so that a daemon that
  /// dies in between finds both kinds again.
  void commit(const Deployment& deployment, const std::vector<std::uint64_t>& old) {
    const base::Time now = parts_.clock.now();
    parts_.table.update(keys(), [&](Process& process) {
      process.phase = Phase::up;
      process.since = now;
      process.serving = true;
    });
    old_ = old;
    parts_.table.update(old_, [](Process& process) { process.serving = false; });
    parts_.state.keepApp(deployment.app);
    for (const std::uint64_t key : keys()) {
      if (const auto process = parts_.table.find(key)) parts_.state.save(*process);
    }
    parts_.table.setApp(deployment.app,
                        parts_.table.desired(deployment.app));  // from its first deploy on it has a route
    parts_.publisher.publish();
    parts_.table.setApp(deployment.app, std::make_shared<const Deployment>(deployment));
    parts_.health.lookAgain();  // what is asked of those that are up
    committed_ = true;
  }

 private:
  EngineParts& parts_;
  base::Guarded<std::vector<std::uint64_t>> keys_;
  std::vector<std::uint64_t> old_;
  bool committed_ = false;
};

void startAll(const Deployment& deployment, const std::vector<Slot>& slots, NewProcesses& fresh) {
  std::atomic<std::size_t> next = 0;
  const auto work = [&] {
    for (std::size_t i = next++; i < slots.size(); i = next++)
      fresh.start(deployment, slots[i]);
  };
  std::vector<std::future<void>> workers;
  for (std::size_t i = 0; i < std::min(slots.size(), kParallelStarts); ++i)
    workers.push_back(std::async(std::launch::async, work));
  for (auto& worker : workers)
    worker.wait();
  for (auto& worker : workers)
    worker.get();
}

/// Whether a new process may be counted on.
struct Verdict {
  bool passed = false;
  std::string failure;
};

std::string seconds(milliseconds duration) {
  const auto whole = std::chrono::duration_cast<std::chrono::seconds>(duration);
  return whole == duration ? std::to_string(whole.count()) + " s" : std::to_string(duration.count()) + " ms";
}

Verdict check(EngineParts& parts, const Process& process) {
  const auto status = parts.runtime.status(process.container);
  const auto age = steady_clock::now() - process.startedSteady;
  const std::string port = std::to_string(parts.config.port);
  if (!status || !status->running) {
    const base::ExitStatus exit = status ? status->exit : base::ExitStatus{.code = 0, .signal = 9};
    if (process.isWeb()) return {false, describeEnd(parts, process, exit) + " before it opened port " + port};
    // Ending with 0 is no failure of the release; the supervisor starts it again like any other end.
    if (exit.ok()) return {true, ""};
    return {false,
            describeEnd(parts, process, exit) + " within its first " + seconds(parts.config.workerCheck)};
  }
  const Health health = healthOf(process);
  if (!health.startProblem.empty()) return {false, health.startProblem};
  if (!health.started) return {};
  if (!hasDefaultStart(process)) return {true, ""};
  if (!process.isWeb()) return {age >= parts.config.workerCheck, ""};
  if (acceptsConnections(process.address, milliseconds(50))) return {true, ""};
  if (age >= parts.config.portTimeout)
    return {false, "did not open port " + port + " within " + seconds(parts.config.portTimeout)};
  return {};
}

std::vector<std::string> lastLines(EngineParts& parts, const Process& process) {
  std::vector<std::string> lines;
  // The file holds what the process's predecessors wrote, too.
  const std::string from = formatLogTime(toLogTime(process.startedAt));
  for (LogLine& line :
       parts.log.read(process.app, {.lines = kLastLines, .process = process.name(), .source = "app"})) {
    if (line.time >= from) lines.push_back(std::move(line.text));
  }
  return lines;
}

std::optional<LaunchFailed> awaitChecks(EngineParts& parts, std::vector<std::uint64_t> pending,
                                        const Progress& progress, const std::stop_token& stop) {
  std::mutex mutex;
  std::condition_variable_any never;
  milliseconds pause{20};
  while (!pending.empty()) {
    if (stop.stop_requested())
      throw base::Error(base::Errc::cancelled, "cancelled while the new processes were starting");
    for (auto it = pending.begin(); it != pending.end();) {
      const auto process = parts.table.find(*it);
      CHECK(process.has_value());
      const Verdict verdict = check(parts, *process);
      if (!verdict.failure.empty())
        return LaunchFailed{process->name(), verdict.failure, lastLines(parts, *process)};
      if (verdict.passed) progress(process->name() + " is up");
      it = verdict.passed ? pending.erase(it) : std::next(it);
    }
    std::unique_lock lock(mutex);
    if (!pending.empty()) never.wait_for(lock, stop, pause, [] { return false; });
    pause = std::min(pause * 5 / 4, milliseconds(250));
  }
  return std::nullopt;
}

}  // namespace

void EngineParts::changeReadiness(const Process& process) {
  if (process.phase != Phase::up) return;
  const std::string problem = healthOf(process).notReady;
  log.append(process.app, "runner",
             process.name() + (problem.empty() ? " is ready again" : " gets no requests: its " + problem));
  publisher.publish();
}

std::string describeEnd(EngineParts& parts, const Process& process, const base::ExitStatus& exit) {
  if (!process.endReason.empty()) return process.endReason;
  std::string text = describeExit(exit);
  if (!exit.ok() && parts.runtime.usage(process.container).oomKills > process.usage.oomKills)
    text += ", having used up its memory of " + base::exactSize(process.size.memoryBytes);
  return text;
}

Process startProcess(EngineParts& parts, const Deployment& deployment, const std::string& type, int index) {
  const Slot slot{type, index};
  std::vector<std::filesystem::path> layers;
  for (const store::Layer& layer : deployment.layers)
    layers.push_back(parts.layerFolder(layer));
  const sandbox::ContainerSpec spec = makeSpec(deployment, slot, std::move(layers), parts.config);
  const base::Time before = parts.clock.now();
  const sandbox::RunningContainer container =
      parts.runtime.start(spec, parts.log.spoolFile(deployment.app, slot.name(), spec.id));
  Process process{.app = deployment.app, .type = type, .index = index, .release = deployment.release};
  process.identity = identityOf(deployment, type);
  process.container = spec.id;
  process.command = deployment.types.at(type);
  process.size = sizeOf(deployment, type, parts.config);
  process.setChecks(checksOf(deployment, type));
  if (process.isWeb()) process.address = container.address + ":" + std::to_string(parts.config.port);
  // The process may have written its first lines before the runtime took the time.
  process.since = process.startedAt = std::min(before, container.startedAt);
  process.startedSteady = process.usageAt = steady_clock::now();
  return process;
}

void retire(EngineParts& parts, const std::vector<std::uint64_t>& keys, Drain drain) {
  const auto now = steady_clock::now();
  const base::Time since = parts.clock.now();
  parts.table.update(keys, [&](Process& process) {
    process.phase = Phase::stopping;
    process.since = since;
    const bool drains = drain == Drain::first && process.isWeb();
    process.notBefore = now + (drains ? parts.config.drain : milliseconds(0));
    process.drainUntil = now + (drains ? parts.config.drainMax : milliseconds(0));
  });
}

LaunchResult launch(EngineParts& parts, const Deployment& deployment, const LaunchPlan& plan,
                    const Progress& progress, const std::stop_token& stop) {
  NewProcesses fresh(parts);
  for (const Slot& slot : plan.start)
    progress("Starting " + slot.name());
  // Unpacks what is not unpacked yet, once, before several threads ask for it.
  for (const store::Layer& layer : plan.start.empty() ? std::vector<store::Layer>() : deployment.layers)
    parts.layerFolder(layer);
  startAll(deployment, plan.start, fresh);
  parts.publisher.connect();
  if (auto failed = awaitChecks(parts, fresh.keys(), progress, stop)) return std::move(*failed);
  fresh.commit(deployment, plan.retire);
  retire(parts, plan.retire, Drain::first);
  for (const std::uint64_t key : plan.retire) {
    const auto process = parts.table.find(key);
    if (process && !process->container.empty()) parts.state.save(*process);
  }
  return Launched{};
}

}  // namespace runner::detail
