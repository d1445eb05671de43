#include "controller/cron_scheduler.h"

#include <pthread.h>

#include <algorithm>
#include <exception>
#include <map>
#include <set>

#include "base/error.h"
#include "base/log.h"
#include "base/strings.h"
#include "controller/run_operations.h"

namespace controller {
namespace {

using base::Time;
using store::CronEntry;
using store::CronKey;
using store::CronPlan;
using store::CronRun;
using store::CronSchedule;
using store::CronState;

/// What was due less than this ago runs; what was due before is missed.
constexpr std::chrono::seconds kLate{60};
/// A mark this far ahead was made by a clock that was wrong; until then a clock that went back is waited for.
constexpr std::chrono::hours kFarAhead{24};
constexpr std::chrono::seconds kRetry{5};
/// At an app whose cron could not be read.
constexpr std::chrono::seconds kLookAgain{30};
/// The clock is looked at so often, since it may be set.
constexpr std::chrono::milliseconds kLook{10'000};
constexpr std::size_t kMaxCounted = 10'000;
/// Added to a time it does not overflow.
constexpr std::uint64_t kLongestS = 365ull * 24 * 3600;

CronKey keyOf(const CronPlan& plan, const CronEntry& entry) {
  return {plan.app, entry.schedule, entry.command};
}

/// "2026-01-31T03:00Z"
std::string shown(Time time) {
  return base::toRfc3339(time).substr(0, 16) + "Z";
}

std::vector<CronEntry> entriesOf(const CronPlan& plan) {
  return store::parseCronText(plan.cron, "the slug's cron");
}

/// It may go well later, with nobody doing anything about it.
bool passes(const std::exception& failure) {
  const auto* known = dynamic_cast<const base::Error*>(&failure);
  return known != nullptr &&
         (known->code() == base::Errc::overloaded || known->code() == base::Errc::unavailable);
}

std::string quoted(const std::string& command) {
  return "\"" + base::printable(command, 200) + "\"";
}

}  // namespace

/// One entry and the times of it that have come.
struct CronScheduler::Due {
  const CronEntry& entry;
  const CronSchedule& schedule;
  Time seen;
  Time now;
};

CronScheduler::CronScheduler(CronConfig config, CronParts parts)
    : config_(config), parts_(parts), store_(parts.book.store()) {
  settle();
}

CronScheduler::~CronScheduler() {
  stop();
}

void CronScheduler::start() {
  thread_ = std::jthread([this](const std::stop_token& stop) { loop(stop); });
}

void CronScheduler::stop() {
  if (!thread_.joinable()) return;
  thread_.request_stop();
  thread_.join();
}

/// The one-off processes of the earlier daemon are known again, those that have ended meanwhile included: a
/// run without one was killed before its process was written down.
void CronScheduler::settle() {
  for (const CronRun& run : store_.inState(CronState::running)) {
    const auto name = store::AppName::tryParse(run.appName);
    const auto all = name ? parts_.oneOffs.processes(*name) : std::vector<runner::ProcessStatus>();
    const bool known = std::any_of(all.begin(), all.end(),
                                   [&](const auto& process) { return process.name == run.process(); });
    if (known) continue;
    store_.end(run.id, CronState::failed, std::nullopt, "was lost when the server was killed");
    tell(run.app, run.process() + " was lost when the server was killed");
  }
  for (const CronRun& run : store_.inState(CronState::waiting)) {
    if (parts_.clock.now() - run.due < kLate) continue;
    store_.end(run.id, CronState::missed, std::nullopt, "the server ended while it waited");
    tell(run.app, run.process() + " missed: the server ended while it waited");
  }
}

void CronScheduler::loop(const std::stop_token& stop) {
  ::pthread_setname_np(::pthread_self(), "cron");
  std::uint64_t seen = 0;
  while (!stop.stop_requested()) {
    std::optional<Time> next;
    const Time begin = parts_.clock.now();
    try {
      next = round();
    } catch (const std::exception& error) {
      base::Log("cron").error("cron cannot go on, and tries again", {{"error", error.what()}});
      next = begin + kRetry;
    }
    // One round for one time, and one when the clock was set back.
    bool news = false;
    while (!stop.stop_requested() && !news) {
      const Time now = parts_.clock.now();
      if (next && (now >= *next || now < begin)) break;
      const auto left = next ? *next - now : std::chrono::milliseconds(std::chrono::hours(1));
      const std::uint64_t before = seen;
      parts_.book.wait(seen, std::min(left, next ? kLook : left), stop);
      news = seen != before;
    }
  }
}

void CronScheduler::tell(store::AppId app, const std::string& text) {
  parts_.log.append(parts_.store.getApp(app).name, kCronType, text);
}

/// Up to when the entry's times were looked at. One that is new is looked at from now on.
Time CronScheduler::markOf(const CronKey& key, const std::map<CronKey, Time>& marks) {
  const Time now = parts_.clock.now();
  const auto found = marks.find(key);
  if (found != marks.end() && found->second <= now + kFarAhead) return found->second;
  store_.mark(key, now);
  return now;
}

std::optional<Time> CronScheduler::round() {
  const Time now = parts_.clock.now();
  std::optional<Time> next;
  const auto sooner = [&](std::optional<Time> time) {
    if (time) next = std::min(next.value_or(*time), *time);
  };
  const auto marks = store_.marks();
  std::set<CronKey> gone;
  for (const auto& [key, seen] : marks)
    gone.insert(key);
  for (const CronPlan& plan : store_.plans())
    sooner(look(plan, marks, gone));
  for (const CronKey& key : gone)
    store_.unmark(key);
  if (!startWaiting()) sooner(now + kRetry);
  return next;
}

/// The top of one app's part of the work: what is wrong with it does not keep the others from theirs. Takes
/// what it has from `gone`.
std::optional<Time> CronScheduler::look(const CronPlan& plan, const std::map<CronKey, Time>& marks,
                                        std::set<CronKey>& gone) {
  const Time now = parts_.clock.now();
  try {
    std::optional<Time> next;
    for (const CronEntry& entry : entriesOf(plan)) {
      gone.erase(keyOf(plan, entry));
      const Time seen = markOf(keyOf(plan, entry), marks);
      if (plan.suspended) continue;
      const CronSchedule schedule = CronSchedule::parse(entry.schedule);
      if (schedule.next(seen) <= now) enterDue(plan, {entry, schedule, seen, now});
      const Time due = schedule.next(std::max(seen, now));
      next = std::min(next.value_or(due), due);
    }
    return next;
  } catch (const std::exception& failure) {
    if (!store_.plan(plan.app)) return std::nullopt;  // destroyed meanwhile
    std::erase_if(gone, [&](const CronKey& key) { return std::get<0>(key) == plan.app; });
    base::Log("cron").error("an app's cron cannot be looked at",
                            {{"app", plan.app}, {"error", failure.what()}});
    return now + kLookAgain;
  }
}

void CronScheduler::enterDue(const CronPlan& plan, const Due& due) {
  const Time onTime = due.schedule.next(due.now - kLate);
  const bool isOnTime = onTime <= due.now && onTime > due.seen;
  if (due.schedule.next(due.seen) <= due.now - kLate)
    enterMissed(keyOf(plan, due.entry), due.schedule, due.seen, due.now - kLate,
                "the server was down or behind then");
  if (!isOnTime) return;
  const CronRun run = store_.enter({.app = plan.app,
                                    .schedule = due.entry.schedule,
                                    .command = due.entry.command,
                                    .due = onTime,
                                    .overlap = due.entry.overlap,
                                    .seen = onTime});
  if (run.state == CronState::skipped)
    tell(plan.app,
         run.process() + " skipped, due " + shown(onTime) + ": " + run.note + ": " + quoted(run.command));
}

/// One row for all times in (from, to].
void CronScheduler::enterMissed(const CronKey& key, const CronSchedule& schedule, Time from, Time to,
                                const std::string& why) {
  const Time first = schedule.next(from);
  if (first > to) return;
  Time last = first;
  std::size_t count = 1;
  for (Time time = schedule.next(first); time <= to && count < kMaxCounted; time = schedule.next(time)) {
    last = time;
    ++count;
  }
  const std::string several =
      count == kMaxCounted ? std::to_string(count) + " runs or more from " + shown(first) + " on"
      : count > 1          ? std::to_string(count) + " runs from " + shown(first) + " to " + shown(last)
                           : "";
  const CronRun run = store_.enter({.app = std::get<0>(key),
                                    .schedule = std::get<1>(key),
                                    .command = std::get<2>(key),
                                    .due = last,
                                    .state = CronState::missed,
                                    .note = (several.empty() ? "" : several + ": ") + why,
                                    .seen = to});
  tell(run.app, run.process() + " missed, due " + shown(last) + ": " + run.note + ": " + quoted(run.command));
}

/// False when one could not be started now that may be later.
bool CronScheduler::startWaiting() {
  for (const CronRun& run : store_.inState(CronState::waiting)) {
    const auto plan = store_.plan(run.app);
    std::optional<CronEntry> entry;
    for (const CronEntry& each : plan ? entriesOf(*plan) : std::vector<CronEntry>())
      if (each.schedule == run.schedule && each.command == run.command) entry = each;
    if (!entry) {
      store_.end(run.id, CronState::cancelled, std::nullopt, "a newer release does not have it");
      continue;
    }
    if (!store_.begin(run.id, static_cast<std::size_t>(config_.maxRunning))) return true;  // an end will tell
    const auto begun = store_.find(run.id);
    if (!begun) continue;
    try {
      launch(*begun, *plan, *entry);
    } catch (const std::exception& failure) {
      if (!passes(failure)) continue;  // launch() has entered why
      store_.putBack(run.id, base::publicMessage(failure));
      return false;
    }
  }
  return true;
}

/// Throws what the one-off process does; what does not pass by itself is entered as the run's end.
void CronScheduler::launch(const CronRun& run, const CronPlan& plan, const CronEntry& entry) {
  std::optional<store::AppName> app;
  try {
    const store::App found = parts_.store.getApp(plan.app);
    app = found.name;
    auto deployment = parts_.releases.deployment(found, parts_.store.getRelease(plan.app, plan.release));
    CHECK(deployment);
    const std::chrono::seconds most(std::min(config_.limits.timeoutS, kLongestS));
    runner::OneOff wanted{.deployment = *std::move(deployment),
                          .command = {},
                          .environment = {},
                          .timeout = entry.timeout.count() == 0 ? most : std::min(entry.timeout, most),
                          .user = run.user.empty() ? "its schedule" : run.user,
                          .type = kCronType,
                          .number = static_cast<int>(run.number),
                          .shown = run.command};
    wanted.command = shellCommand(wanted.deployment.types, run.command);
    const std::string name = parts_.oneOffs.runDetached(wanted);
    CHECK(name == run.process());  // no other one ever had the number
  } catch (const std::exception& failure) {
    if (!passes(failure) || !run.user.empty())
      store_.end(run.id, CronState::failed, std::nullopt, base::publicMessage(failure));
    throw;
  }
  // Its rows go with the app: then whoever destroyed it has stopped what ran before this one began.
  if (!store_.find(run.id)) parts_.oneOffs.stop(*app, run.process());
}

std::vector<CronScheduler::Entry> CronScheduler::entries(const store::App& app) {
  const auto plan = store_.plan(app.id);
  if (!plan) return {};
  const auto marks = store_.marks();
  std::vector<Entry> list;
  for (const CronEntry& entry : entriesOf(*plan)) {
    Entry shown{.entry = entry, .next = std::nullopt, .last = store_.newest(keyOf(*plan, entry))};
    const auto seen = marks.find(keyOf(*plan, entry));
    const Time now = parts_.clock.now();
    if (!plan->suspended)
      shown.next =
          CronSchedule::parse(entry.schedule).next(seen == marks.end() ? now : std::max(seen->second, now));
    list.push_back(std::move(shown));
  }
  return list;
}

std::vector<CronRun> CronScheduler::history(const store::App& app, std::size_t limit) {
  return store_.history(app.id, limit);
}

bool CronScheduler::isSuspended(const store::App& app) {
  return parts_.store.settings(app.id).contains(store::kCronSuspended);
}

CronRun CronScheduler::runNow(const store::App& app, std::size_t number, const std::string& user) {
  const auto plan = store_.plan(app.id);
  const auto entries = plan ? entriesOf(*plan) : std::vector<CronEntry>();
  if (number < 1 || number > entries.size())
    throw base::Error(base::Errc::notFound, app.name.str() + " has no entry " + std::to_string(number) +
                                                " of cron: fairlead cron -a " + app.name.str() +
                                                " lists them");
  const CronEntry& entry = entries[number - 1];
  const CronRun run = store_.enter({.app = app.id,
                                    .schedule = entry.schedule,
                                    .command = entry.command,
                                    .due = parts_.clock.now(),
                                    .user = user,
                                    .state = CronState::running,
                                    .overlap = entry.overlap});
  launch(run, *plan, entry);
  return run;
}

void CronScheduler::suspend(const store::App& app, const std::string& user) {
  if (isSuspended(app)) return;
  parts_.store.changeSettings(app.id, {{store::kCronSuspended, "on"}});
  for (const CronRun& run : store_.inState(CronState::waiting))
    if (run.app == app.id)
      store_.end(run.id, CronState::missed, std::nullopt, "cron was suspended while it waited");
  parts_.log.append(app.name, kCronType, "suspended by " + user);
  parts_.book.changed();
}

void CronScheduler::resume(const store::App& app, const std::string& user) {
  if (!isSuspended(app)) return;
  const auto plan = store_.plan(app.id);
  const auto marks = store_.marks();
  const Time now = parts_.clock.now();
  for (const CronEntry& entry : plan ? entriesOf(*plan) : std::vector<CronEntry>()) {
    const auto seen = marks.find(keyOf(*plan, entry));
    if (seen != marks.end())
      enterMissed(seen->first, CronSchedule::parse(entry.schedule), seen->second, now, "cron was suspended");
  }
  parts_.store.changeSettings(app.id, {{store::kCronSuspended, std::nullopt}});
  parts_.log.append(app.name, kCronType, "resumed by " + user);
  parts_.book.changed();
}

}  // namespace controller
