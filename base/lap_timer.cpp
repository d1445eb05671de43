#include "base/lap_timer.h"

#include <algorithm>

namespace base {

void LapTimer::lap(const std::string& step, Clock::time_point now) {
  lapAround({}, step, now);
}

void LapTimer::lapAround(const Times& parts, const std::string& step, Clock::time_point now) {
  using std::chrono::microseconds;
  microseconds rest = std::chrono::duration_cast<microseconds>(std::max(now, last_) - last_);
  for (const auto& [name, time] : parts) {
    times_[name] += time;
    rest -= time;
  }
  times_[step] += std::max(rest, microseconds(0));
  last_ = std::max(now, last_);
}

}  // namespace base
