// Cron's memory: which times of an app's entries were looked at, and what became of its runs.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include "store/model.h"
#include "store/release_store.h"

namespace store {

/// waiting: for another one's end; skipped: the one before still ran; missed: nobody was there at its time.
enum class CronState { waiting, running, succeeded, failed, timedOut, skipped, missed, cancelled };
std::string_view name(CronState state) noexcept;

struct CronRun {
  std::int64_t id = 0;
  AppId app = 0;
  std::int64_t number = 0;  ///< 1, 2, ... within the app, never used again
  std::string schedule;
  std::string command;
  Time due;
  std::string user;  ///< who asked for it; empty: its schedule
  CronState state = CronState::waiting;
  std::string appName;  ///< that its process was started under; empty before
  std::optional<Time> started;
  std::optional<Time> ended;
  std::optional<int> exitCode;
  std::string note;  ///< for people: why it is not running, or how it ended
  /// "cron.12"
  std::string process() const { return "cron." + std::to_string(number); }
};

struct NewCronRun {
  AppId app = 0;
  std::string schedule;
  std::string command;
  Time due;
  std::string user = {};
  CronState state = CronState::waiting;  ///< waiting, running or missed
  std::string note = {};
  bool overlap = false;                     ///< also while another one of the entry runs
  std::optional<Time> seen = std::nullopt;  ///< up to which the entry's times are looked at with it
};

/// What an app's newest release that succeeded has to run.
struct CronPlan {
  AppId app = 0;
  ReleaseVersion release;
  std::string cron;  ///< Slug::cron, not empty
  bool suspended = false;
};

/// App, schedule and command.
using CronKey = std::tuple<AppId, std::string, std::string>;

/// An app's own setting that says that nothing of it runs at its times: "on".
inline constexpr const char* kCronSuspended = "cron_suspended";

/// In the same database as the apps, with which its rows go. Thread-safe as ReleaseStore is, which outlives
/// it; every mutating call is one transaction and durable when it returns.
class CronStore {
 public:
  explicit CronStore(ReleaseStore& store, std::size_t keep = 100) : store_(store), keep_(keep) {}

  std::vector<CronPlan> plans();
  std::optional<CronPlan> plan(AppId app);

  /// Up to when the times of entries were looked at.
  std::map<CronKey, Time> marks();
  void mark(const CronKey& entry, Time seen);
  void unmark(const CronKey& entry);

  /// Enters it with its mark, and lets go of the app's oldest beyond `keep`. Without overlap it is entered as
  /// skipped while another one of the entry waits or runs, and with it while another one waits; for one that
  /// somebody asks for throws conflict instead. Throws notFound when the app is gone.
  CronRun enter(const NewCronRun& run);
  /// Waiting to running, unless `most` run on the server: returns whether it did.
  bool begin(std::int64_t id, std::size_t most);
  /// Running to waiting: it could not be started now.
  void putBack(std::int64_t id, const std::string& why);
  /// One that waits or runs has ended; nothing changes for one that has already.
  void end(std::int64_t id, CronState state, std::optional<int> exitCode, const std::string& note);

  std::optional<CronRun> find(std::int64_t id);
  /// That which runs as this process of an app that was called so when it started.
  std::optional<CronRun> findRunning(const std::string& appName, std::int64_t number);
  /// Of all apps, oldest first.
  std::vector<CronRun> inState(CronState state);
  std::vector<CronRun> history(AppId app, std::size_t limit);  ///< newest first
  std::optional<CronRun> newest(const CronKey& entry);

 private:
  ReleaseStore& store_;
  const std::size_t keep_;
};

}  // namespace store
