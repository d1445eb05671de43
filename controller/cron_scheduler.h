// Runs what apps' releases have in cron, at its times.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include "base/clock.h"
#include "controller/cron_book.h"
#include "controller/cron_config.h"
#include "controller/releases.h"
#include "runner/app_log.h"
#include "runner/one_off.h"
#include "store/cron_entry.h"
#include "store/cron_schedule.h"
#include "store/cron_store.h"

namespace controller {

struct CronParts {
  CronBook& book;
  store::ReleaseStore& store;
  Releases& releases;
  runner::OneOffRunner& oneOffs;
  runner::AppLog& log;
  const base::Clock& clock;
};

/// Of an app's newest release that succeeded, each entry at each of its times (UTC) becomes a run in the
/// database, and that a detached one-off process named cron.N, N being the run's number, which is never used
/// again: no name, and no line of the log, is of two runs. A time that nobody looked at within a minute is
/// missed: it is entered and not run late. Thread-safe; one thread of its own; outlived by its parts.
class CronScheduler {
 public:
  /// Enters what became of runs that an earlier daemon left without a process.
  CronScheduler(CronConfig config, CronParts parts);
  ~CronScheduler();
  CronScheduler(const CronScheduler&) = delete;
  CronScheduler& operator=(const CronScheduler&) = delete;

  void start();
  /// Nothing begins any more; what runs runs on. Waits for the thread.
  void stop();
  /// What the thread does: enters what is due, and starts what may run. Returns when there will be more to
  /// do; nullopt: when something changes. One thread at a time.
  std::optional<base::Time> round();

  /// An entry as it is shown; its number is its place, from 1 on.
  struct Entry {
    store::CronEntry entry;
    std::optional<base::Time> next;  ///< nullopt while the app's cron is suspended
    std::optional<store::CronRun> last;
  };
  std::vector<Entry> entries(const store::App& app);
  std::vector<store::CronRun> history(const store::App& app, std::size_t limit);
  bool isSuspended(const store::App& app);
  /// Now, for this user, beyond cron_max_running and though cron is suspended. Throws notFound for a number
  /// that is no entry's, conflict while one of the entry waits or runs (unless it overlaps), and what the
  /// one-off process does.
  store::CronRun runNow(const store::App& app, std::size_t number, const std::string& user);
  /// Nothing begins at its times until it is resumed; these are missed. What waits is missed, too.
  void suspend(const store::App& app, const std::string& user);
  void resume(const store::App& app, const std::string& user);

 private:
  struct Due;
  void settle();
  void loop(const std::stop_token& stop);
  std::optional<base::Time> look(const store::CronPlan& plan,
                                 const std::map<store::CronKey, base::Time>& marks,
                                 std::set<store::CronKey>& gone);
  base::Time markOf(const store::CronKey& key, const std::map<store::CronKey, base::Time>& marks);
  void enterDue(const store::CronPlan& plan, const Due& due);
  void enterMissed(const store::CronKey& key, const store::CronSchedule& schedule, base::Time from,
                   base::Time to, const std::string& why);
  bool startWaiting();
  void launch(const store::CronRun& run, const store::CronPlan& plan, const store::CronEntry& entry);
  void tell(store::AppId app, const std::string& text);

  const CronConfig config_;
  const CronParts parts_;
  store::CronStore& store_;
  std::jthread thread_;  // last
};

}  // namespace controller
