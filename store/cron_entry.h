// What an app has run at its times: the "cron" of app.json.
#pragma once

#include <chrono>
#include <compare>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"

namespace store {

/// One line of it. An app has none twice.
struct CronEntry {
  std::string schedule;             ///< as CronSchedule::text() has it
  std::string command;              ///< a line for the shell
  bool overlap = false;             ///< runs, too, while the one before still does
  std::chrono::seconds timeout{0};  ///< 0: as long as the server allows
  auto operator<=>(const CronEntry&) const = default;
};

/// What an operator allows.
struct CronLimits {
  std::uint64_t maxEntries = 20;    ///< setting cron_max: of one app
  std::uint64_t minIntervalS = 60;  ///< setting cron_min_interval_s: between two runs of an entry
  std::uint64_t timeoutS = 3600;    ///< setting cron_timeout_s: of one run
};

/// As app.json has them: objects with schedule, command, and if wanted overlap and timeout (seconds). Throws
/// invalidArgument, "WHAT[1]: ...", for anything else.
std::vector<CronEntry> parseCron(const base::JsonArray::Ptr& list, const std::string& what);
/// Throws invalidArgument in the same form, naming the setting.
void requireCronWithin(const CronLimits& limits, const std::vector<CronEntry>& entries, const std::string& what);
base::JsonObject::Ptr cronJson(const CronEntry& entry);
/// As text to be kept; "" and no entries are one.
std::string cronText(const std::vector<CronEntry>& entries);
std::vector<CronEntry> parseCronText(std::string_view text, const std::string& what);

}  // namespace store
