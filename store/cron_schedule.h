// When something is to run: the five fields of a crontab, in UTC.
#pragma once

#include <bitset>
#include <chrono>
#include <string>
#include <string_view>

#include "base/clock.h"

namespace store {

/// Minute, hour, day of month, month and day of week, each `*`, a number, a range (1-5), a step (*/10, 8-18/2) or
/// a list of these; JAN to DEC and SUN to SAT in any case; 0 and 7 are Sunday. Or @hourly, @daily, @midnight,
/// @weekly, @monthly, @yearly, @annually. When neither day field begins with `*`, either one's day counts, else
/// both have to fit. (POSIX.1-2017, crontab; crontab(5) of Vixie cron.) Immutable value.
class CronSchedule {
 public:
  /// Throws invalidArgument with a sentence that names the field and what is wrong in it; also for a day that
  /// never comes (30 February).
  static CronSchedule parse(std::string_view text);

  /// As it was given, with one blank between the fields.
  const std::string& text() const noexcept { return text_; }
  /// The first whole minute after `after` that it names. For times of the years 1970 to 9999.
  base::Time next(base::Time after) const;
  /// The shortest time between two that follow one another.
  std::chrono::minutes shortestGap() const;

 private:
  CronSchedule() = default;
  bool hasDay(std::chrono::sys_days day) const;

  std::string text_;
  std::bitset<60> minutes_;
  std::bitset<24> hours_;
  std::bitset<32> days_;
  std::bitset<13> months_;
  std::bitset<7> weekdays_;
  bool eitherDay_ = false;  // of month, or of week
};

}  // namespace store
