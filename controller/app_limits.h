// The limits that an app may have other than the server's.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "builder/builder.h"
#include "runner/engine.h"
#include "store/cron_entry.h"

namespace controller {

struct AppLimit {
  enum class Unit { bytes, seconds, count, cpus };
  std::string_view name;  ///< of the server's setting too
  Unit unit;
  bool zeroIsNone;  ///< 0 means no limit; else it is refused
  std::string_view description;
};

/// Of builds.
inline constexpr std::array kAppLimits{
    AppLimit{"build_cpus", AppLimit::Unit::cpus, true, "processors of a build; 0: all"},
    AppLimit{"build_disk_bytes", AppLimit::Unit::bytes, false, "what a build may have on the disk"},
    AppLimit{"build_idle_timeout_s", AppLimit::Unit::seconds, true, "longest silence of a build; 0: any"},
    AppLimit{"build_log_max_bytes", AppLimit::Unit::bytes, false, "length of a build's log"},
    AppLimit{"build_memory_bytes", AppLimit::Unit::bytes, false, "memory of a build"},
    AppLimit{"build_pids", AppLimit::Unit::count, false, "processes and threads of a build"},
    AppLimit{"build_timeout_s", AppLimit::Unit::seconds, false, "time of a build"},
    AppLimit{"slug_max_bytes", AppLimit::Unit::bytes, false, "size of a slug, compressed"},
    AppLimit{"slug_max_expanded_bytes", AppLimit::Unit::bytes, false, "size of a slug, expanded"},
    AppLimit{"slug_max_files", AppLimit::Unit::count, false, "files and folders in a slug"},
};

/// Of processes: each process type has its own.
inline constexpr std::array kProcessLimits{
    AppLimit{"process_cpus", AppLimit::Unit::cpus, true, "processors of a process; 0: all"},
    AppLimit{"process_disk_bytes", AppLimit::Unit::bytes, true, "what a process may write; 0: any"},
    AppLimit{"process_memory_bytes", AppLimit::Unit::bytes, false, "memory of a process"},
    AppLimit{"process_pids", AppLimit::Unit::count, false, "processes and threads of a process"},
};

/// Values by a limit's name; processors in thousandths.
using LimitValues = std::map<std::string, std::uint64_t>;

/// Throws invalidArgument for a name that is none, with the nearest.
const AppLimit& appLimit(const std::string& name);
/// The same, of builds only; says how those of processes are set.
const AppLimit& buildLimit(const std::string& name);
/// "2G", "600", "1.5"; throws invalidArgument.
std::uint64_t parseLimit(const AppLimit& limit, const std::string& text);
/// As parseLimit() reads it.
std::string showLimit(const AppLimit& limit, std::uint64_t value);
/// "build_memory_bytes=8G build_timeout_s=3600", spaces or commas between; throws invalidArgument.
LimitValues parseLimits(const std::string& text);

/// New values of settings, or none.
using SettingChanges = std::map<std::string, std::optional<std::string>>;

/// The server's values and what apps may raise them to. Immutable.
class AppLimits {
 public:
  /// Holds a value for each of kAppLimits and kProcessLimits in `defaults`; `maxima` only where an app may go
  /// beyond it.
  AppLimits(LimitValues defaults, LimitValues maxima, store::CronLimits cron = {});

  std::uint64_t standard(const AppLimit& limit) const { return defaults_.at(std::string(limit.name)); }
  /// Of an app's own value; 0: none.
  std::uint64_t maximum(const AppLimit& limit) const;
  /// Text to be stored as the app's setting; throws invalidArgument, also for more than the maximum.
  std::string accept(const AppLimit& limit, const std::string& text) const;
  /// What rules for an app with these settings: its own value up to the maximum, else the server's.
  std::uint64_t effective(const AppLimit& limit, const std::map<std::string, std::string>& settings) const;
  builder::BuildLimits ofBuild(const std::map<std::string, std::string>& settings) const;
  /// "512M,0.5cpu,256pids,1Gdisk", in any order and not all of them, or "default": what changes in the app's
  /// settings when its type `type` gets that. Throws invalidArgument.
  SettingChanges sizeChanges(const std::string& type, const std::string& text) const;
  /// Of a process type of an app with these settings.
  runner::ProcessSize sizeOf(const std::map<std::string, std::string>& settings,
                             const std::string& type) const;
  /// Those of types that have something of their own.
  std::map<std::string, runner::ProcessSize> ownSizes(const std::map<std::string, std::string>& settings,
                                                      const store::ProcessTypes& types) const;
  std::uint64_t logBytes(const std::map<std::string, std::string>& settings) const;
  /// The same for every app.
  const store::CronLimits& cron() const noexcept { return cron_; }

 private:
  std::uint64_t effective(const AppLimit& limit, const std::optional<std::string>& own) const;

  LimitValues defaults_;
  LimitValues maxima_;
  store::CronLimits cron_;
};

}  // namespace controller
