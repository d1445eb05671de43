// How many requests a token may make.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <unordered_map>

#include "base/clock.h"
#include "base/guarded.h"

namespace api {

/// A bucket per key that holds `perHour` requests and fills evenly: bursts are fine, the hour's sum is not
/// exceeded for long. (Platform API reference, Rate Limits.) Thread-safe.
class RateLimiter {
 public:
  /// `perHour` 0: no limit. `clock` outlives it.
  RateLimiter(std::uint64_t perHour, const base::Clock& clock) : perHour_(perHour), clock_(clock) {}

  bool limits() const noexcept { return perHour_ != 0; }
  /// Takes one request; returns how many are left. Throws overloaded naming the setting when there was none.
  std::uint64_t take(const std::string& key);

 private:
  struct Bucket {
    double left = 0;
    base::Time filledAt;
  };
  /// Full buckets say nothing: they are dropped when there are many.
  void forgetFull(std::unordered_map<std::string, Bucket>& buckets, base::Time now) const;
  double filled(const Bucket& bucket, base::Time now) const;

  const std::uint64_t perHour_;
  const base::Clock& clock_;
  base::Guarded<std::unordered_map<std::string, Bucket>> buckets_;
};

}  // namespace api
