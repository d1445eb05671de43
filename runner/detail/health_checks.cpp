#include "runner/detail/health_checks.h"

#include <pthread.h>

#include <algorithm>
#include <set>

#include "base/byte_sink.h"
#include "base/error.h"
#include "runner/detail/port_check.h"

namespace runner::detail {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;
using Kind = store::ProcessCheck::Kind;
using Means = store::ProcessCheck::Means;
using State = ProbeAnswer::State;

constexpr std::size_t kMaxWorkers = 64;
/// Of an app: one whose processes answer slowly keeps the others' from being asked no longer than that.
constexpr std::size_t kMaxOfApp = 4;
/// On one machine who does not answer by then does not answer.
constexpr milliseconds kLongestConnect{2'000};
/// While the port is not open yet.
constexpr milliseconds kSoon{50};
/// Without a process that has checks nothing needs to be looked at but lookAgain()'s word.
constexpr std::chrono::seconds kIdleLook{5};

bool isStarting(const Process& process) {
  return process.phase == Phase::launching || process.phase == Phase::starting;
}

/// Whether this check is asked in the process's phase.
bool isAsked(const Process& process, std::size_t index) {
  const store::ProcessCheck& check = (*process.checks)[index];
  if (check.means == Means::none || process.container.empty()) return false;
  switch (check.kind) {
    case Kind::startup:
      return isStarting(process) && !process.checkStates[index].passed;
    case Kind::readiness:
      return isStarting(process) || process.phase == Phase::up;
    case Kind::liveness:
      return process.phase == Phase::up && process.endReason.empty();
  }
  return false;
}

std::string sentence(const store::ProcessCheck& check, const CheckState& state) {
  const std::string times =
      state.failures == 1 ? "" : " " + std::to_string(state.failures) + " times one after the other";
  return std::string(name(check.kind)) + " check failed: " + check.describe() + " " + state.problem + times;
}

}  // namespace

bool hasDefaultStart(const Process& process) {
  if (!process.checks) return true;
  return std::none_of(process.checks->begin(), process.checks->end(),
                      [](const store::ProcessCheck& check) { return check.kind == Kind::startup; });
}

Health healthOf(const Process& process) {
  Health health{.started = true};
  for (std::size_t i = 0; process.checks && i < process.checks->size(); ++i) {
    const store::ProcessCheck& check = (*process.checks)[i];
    const CheckState& state = process.checkStates[i];
    if (check.means == Means::none) continue;
    const bool failed = state.failures >= check.attempts;
    if (check.kind != Kind::liveness && !state.passed) health.started = false;
    if (!failed) continue;
    if (check.kind == Kind::liveness)
      health.unwell = sentence(check, state);
    else if (!state.passed)
      health.startProblem = sentence(check, state);
    else if (check.kind == Kind::readiness)
      health.notReady = sentence(check, state);
  }
  return health;
}

HealthChecks::HealthChecks(Config config, ProcessTable& table, sandbox::ContainerRuntime& runtime,
                           std::function<void(const Process&)> onReadiness)
    : config_(config), table_(table), runtime_(runtime), onReadiness_(std::move(onReadiness)) {
  timekeeper_ = std::jthread([this](const std::stop_token& stop) { keepTime(stop); });
}

HealthChecks::~HealthChecks() {
  end_.request_stop();
  timekeeper_ = {};  // it makes workers
  for (std::jthread& worker : workers_)
    worker.request_stop();
}

void HealthChecks::lookAgain() {
  const std::lock_guard lock(mutex_);
  looked_ = false;
  changed_.notify_all();
}

void HealthChecks::keepTime(const std::stop_token& stop) {
  ::pthread_setname_np(::pthread_self(), "checks");
  std::unique_lock lock(mutex_);
  SteadyTime lookDue{};
  while (!stop.stop_requested()) {
    const SteadyTime now = steady_clock::now();
    if (!looked_ || now >= lookDue) {
      looked_ = true;
      takeOver(now);
      lookDue = now + (jobs_.empty() ? kIdleLook : config_.look);
    }
    const auto next = startDue(now);
    changed_.wait_until(lock, stop, next ? std::min(*next, lookDue) : lookDue, [this] { return !looked_; });
  }
}

/// With mutex_ held, as the next.
void HealthChecks::takeOver(SteadyTime now) {
  std::set<JobKey> present;
  for (const Process& process : table_.all()) {
    for (std::size_t i = 0; process.checks && i < process.checks->size(); ++i) {
      if (!isAsked(process, i)) continue;
      const JobKey key{process.container, i};
      present.insert(key);
      const auto [job, isNew] = jobs_.try_emplace(key);
      if (!isNew) continue;
      job->second.process = process.key;
      job->second.app = process.app;
      job->second.due = now + (*process.checks)[i].initialDelay;
    }
  }
  std::erase_if(jobs_, [&](const auto& each) { return !each.second.busy && !present.contains(each.first); });
}

std::optional<SteadyTime> HealthChecks::startDue(SteadyTime now) {
  std::optional<SteadyTime> next;
  std::map<store::AppName, std::size_t> busy;
  for (const auto& [key, job] : jobs_)
    if (job.busy) ++busy[*job.app];
  for (auto& [key, job] : jobs_) {
    if (job.busy) continue;
    if (job.due > now) {
      next = next ? std::min(*next, job.due) : job.due;
      continue;
    }
    // Its turn comes when one of the app's is done.
    if (busy[*job.app] >= kMaxOfApp) continue;
    ++busy[*job.app];
    job.busy = true;
    ready_.push_back(key);
    if (idle_ < ready_.size() && workers_.size() < kMaxWorkers)
      workers_.emplace_back([this](const std::stop_token& stop) { work(stop); });
  }
  if (!ready_.empty()) changed_.notify_all();
  return next;
}

void HealthChecks::work(const std::stop_token& stop) {
  ::pthread_setname_np(::pthread_self(), "check");
  std::unique_lock lock(mutex_);
  for (;;) {
    ++idle_;
    const bool something = changed_.wait(lock, stop, [this] { return !ready_.empty(); });
    --idle_;
    if (!something || stop.stop_requested()) return;
    const JobKey key = ready_.front();
    ready_.pop_front();
    const std::uint64_t process = jobs_.at(key).process;
    lock.unlock();
    doOne(key, process);
    lock.lock();
  }
}

void HealthChecks::doOne(const JobKey& key, std::uint64_t processKey) {
  SteadyTime due = steady_clock::now() + kSoon;
  bool over = true;
  try {
    const auto process = table_.find(processKey);
    if (process && process->container == key.first && process->checks && key.second < process->checks->size() &&
        isAsked(*process, key.second)) {
      const ProbeAnswer answer = ask(*process, (*process->checks)[key.second]);
      due = note(*process, key.second, answer);
      over = false;
    }
  } catch (const std::exception& failure) {  // the top of a thread's job: it is done again
    log_.warn("a process could not be checked", {{"container", key.first}, {"problem", failure.what()}});
    due = steady_clock::now() + std::chrono::seconds(1);
    over = false;
  }
  const std::lock_guard lock(mutex_);
  if (over) {
    jobs_.erase(key);
  } else if (Job& job = jobs_.at(key); true) {
    job.busy = false;
    job.due = due;
  }
  looked_ = false;
  changed_.notify_all();
}

ProbeAnswer HealthChecks::ask(const Process& process, const store::ProcessCheck& check) {
  switch (check.means) {
    case Means::http:
      return probeHttp(check, process.address, end_.get_token());
    case Means::uptime:
      return steady_clock::now() - process.startedSteady >= check.uptime
                 ? ProbeAnswer{}
                 : ProbeAnswer{State::notListening, "are not over"};
    case Means::command:
      return askByCommand(process, check);
    case Means::none:
    case Means::port:
      break;
  }
  if (acceptsConnections(process.address, std::min<milliseconds>(check.timeout, kLongestConnect))) return {};
  return {State::notListening, "is not there"};
}

ProbeAnswer HealthChecks::askByCommand(const Process& process, const store::ProcessCheck& check) {
  base::DiscardSink output;
  sandbox::RunOptions options;
  options.timeout = check.timeout;
  options.killGrace = milliseconds(0);
  options.stop = end_.get_token();
  const sandbox::RunResult result =
      runtime_.exec(process.container, {.argv = check.command, .environment = {}}, output, options);
  // Its end is seen by who watches it.
  if (result.containerEnded || result.end == sandbox::RunResult::End::cancelled) return {};
  if (result.end == sandbox::RunResult::End::timedOut)
    return {State::unwell, "did not end within " + std::to_string(check.timeout.count()) + " s"};
  if (result.status.ok()) return {};
  return {State::unwell, "ended with " + result.status.describe()};
}

SteadyTime HealthChecks::note(const Process& process, std::size_t index, const ProbeAnswer& answer) {
  const store::ProcessCheck& check = (*process.checks)[index];
  const SteadyTime now = steady_clock::now();
  if (check.means == Means::uptime && answer.state != State::well)
    return process.startedSteady + check.uptime;
  // A port that opens late is late, not broken: it has its own limit, whatever the number of attempts.
  const bool isEarly = answer.state == State::notListening && check.kind != Kind::liveness &&
                       !process.checkStates[index].passed && now - process.startedSteady < config_.listenTimeout;
  if (isEarly) return now + kSoon;
  std::string before, after;
  const auto updated = table_.update(process.key, [&](Process& current) {
    if (current.checks != process.checks || current.container != process.container) return;
    before = healthOf(current).notReady;
    CheckState& state = current.checkStates[index];
    if (answer.state == State::well) {
      state = {.passed = true, .failures = 0, .problem = {}};
    } else {
      state.failures = std::min(state.failures + 1, check.attempts);
      state.problem = answer.problem;
    }
    after = healthOf(current).notReady;
  });
  if (updated && before.empty() != after.empty()) onReadiness_(*updated);
  return now + check.wait;
}

}  // namespace runner::detail
