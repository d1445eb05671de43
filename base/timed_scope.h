// How long a piece of code took.
#pragma once

#include <chrono>

namespace base {

/// Adds what goes by between its construction and its end, an exception's too, to a duration that outlives
/// it. One thread at a time.
class TimedScope {
 public:
  using Clock = std::chrono::steady_clock;

  explicit TimedScope(Clock::duration& total) noexcept : total_(total), begin_(Clock::now()) {}
  ~TimedScope() { total_ += Clock::now() - begin_; }
  TimedScope(const TimedScope&) = delete;
  TimedScope& operator=(const TimedScope&) = delete;

 private:
  Clock::duration& total_;
  const Clock::time_point begin_;
};

}  // namespace base
