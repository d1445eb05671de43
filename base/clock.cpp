#include "base/clock.h"

#include <array>
#include <cstdio>

namespace base {

Time SystemClock::now() const {
  return std::chrono::time_point_cast<std::chrono::milliseconds>(std::chrono::system_clock::now());
}

std::string toRfc3339(Time time) {
  const auto days = std::chrono::floor<std::chrono::days>(time);
  const std::chrono::year_month_day date(days);
  const std::chrono::hh_mm_ss clock(std::chrono::floor<std::chrono::seconds>(time - days));
  std::array<char, 64> text{};
  std::snprintf(text.data(), text.size(), "%04d-%02u-%02uT%02d:%02d:%02dZ", static_cast<int>(date.year()),
                static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
                static_cast<int>(clock.hours().count()), static_cast<int>(clock.minutes().count()),
                static_cast<int>(clock.seconds().count()));
  return text.data();
}

std::string toAge(Time then, Time now) {
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(now - then).count();
  if (seconds < 0) return "0s ago";  // clocks of two machines
  constexpr long kMinute = 60;
  constexpr long kHour = 60 * kMinute;
  constexpr long kDay = 24 * kHour;
  if (seconds < kMinute) return std::to_string(seconds) + "s ago";
  if (seconds < kHour) return std::to_string(seconds / kMinute) + "m ago";
  if (seconds < kDay) return std::to_string(seconds / kHour) + "h ago";
  return std::to_string(seconds / kDay) + "d ago";
}

}  // namespace base
