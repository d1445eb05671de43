// How much a process may write into its app's log.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>

namespace runner {

/// Bytes a second, and how many at once after a while of less. A plain value.
class OutputBudget {
 public:
  struct Limits {
    std::uint64_t bytesPerS = 0;  ///< 0: no limit
    std::uint64_t burst = 0;
  };
  using Time = std::chrono::steady_clock::time_point;

  /// `written`: what was there before it counts.
  OutputBudget(Limits limits, std::uint64_t written, Time now)
      : limits_(limits), left_(static_cast<double>(limits.burst)), written_(written), at_(now) {}

  /// `written` bytes in all by now; true when there shall be no more for a while.
  bool spend(std::uint64_t written, Time now) {
    if (limits_.bytesPerS == 0) return false;
    const auto rate = static_cast<double>(limits_.bytesPerS);
    const double earned = rate * std::chrono::duration<double>(now - at_).count();
    left_ = std::min(static_cast<double>(limits_.burst), left_ + earned);
    // However much it was until somebody looked: it is heard again within that time.
    constexpr double kLongestHoldS = 5;
    left_ = std::max(left_ - static_cast<double>(written - written_), -kLongestHoldS * rate);
    written_ = written;
    at_ = now;
    return left_ < 0;
  }
  /// Whether less than a second's worth is left: to be looked at often.
  bool isShort() const { return limits_.bytesPerS != 0 && left_ < static_cast<double>(limits_.bytesPerS); }

 private:
  Limits limits_;
  double left_;
  std::uint64_t written_;
  Time at_;
};

}  // namespace runner
