// A clock that stands still until a test moves it.
#pragma once

#include <chrono>
#include <mutex>

#include "base/clock.h"

namespace test {

/// Begins at 2026-01-31T12:00:00Z. Thread-safe.
class FakeClock : public base::Clock {
 public:
  base::Time now() const override {
    const std::lock_guard lock(mutex_);
    return now_;
  }
  void advance(std::chrono::milliseconds by) {
    const std::lock_guard lock(mutex_);
    now_ += by;
  }

 private:
  mutable std::mutex mutex_;
  base::Time now_ = std::chrono::sys_days(std::chrono::year(2026) / 1 / 31) + std::chrono::hours(12);
};

}  // namespace test
