// Where the time of a job goes.
#pragma once

#include <chrono>
#include <map>
#include <string>

namespace base {

/// Adds up time by the names of a job's steps: laps follow each other without a gap, so that the times add up
/// to the whole. One thread at a time.
class LapTimer {
 public:
  using Clock = std::chrono::steady_clock;
  using Times = std::map<std::string, std::chrono::microseconds>;

  explicit LapTimer(Clock::time_point start = Clock::now()) : last_(start) {}

  /// What went by since the last lap belongs to `step`; the same step may have several laps. A `now` before
  /// the last lap adds nothing.
  void lap(const std::string& step, Clock::time_point now = Clock::now());
  /// The same when somebody measured parts of it: theirs are added under their own names, only the rest is
  /// the step's.
  void lapAround(const Times& parts, const std::string& step, Clock::time_point now = Clock::now());

  const Times& times() const noexcept { return times_; }

 private:
  Clock::time_point last_;
  Times times_;
};

}  // namespace base
