// Time that moves only when a test says so.
#pragma once

#include <atomic>
#include <chrono>

#include "base/clock.h"

namespace testing_support {

/// Starts at 2026-01-31T12:00:00Z. Thread-safe.
class FakeClock : public base::Clock {
 public:
  base::Time now() const override { return base::Time(std::chrono::milliseconds(milliseconds_.load())); }
  void advance(std::chrono::milliseconds by) { milliseconds_ += by.count(); }

 private:
  std::atomic<long long> milliseconds_{1'769'860'800'000};
};

}  // namespace testing_support
