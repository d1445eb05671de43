#include "api/rate_limiter.h"

#include <algorithm>

#include "base/error.h"

namespace api {

double RateLimiter::filled(const Bucket& bucket, base::Time now) const {
  constexpr double kMsPerHour = 3'600'000;
  const auto passed = std::max<std::int64_t>(0, (now - bucket.filledAt).count());
  const double most = static_cast<double>(perHour_);
  return std::min(most, bucket.left + most * static_cast<double>(passed) / kMsPerHour);
}

void RateLimiter::forgetFull(std::unordered_map<std::string, Bucket>& buckets, base::Time now) const {
  constexpr std::size_t kMany = 10'000;
  if (buckets.size() < kMany) return;
  std::erase_if(buckets,
                [&](const auto& each) { return filled(each.second, now) >= static_cast<double>(perHour_); });
}

std::uint64_t RateLimiter::take(const std::string& key) {
  const base::Time now = clock_.now();
  return buckets_.with([&](auto& buckets) {
    forgetFull(buckets, now);
    Bucket& bucket = buckets.try_emplace(key, Bucket{static_cast<double>(perHour_), now}).first->second;
    bucket = {filled(bucket, now), now};
    if (bucket.left < 1)
      throw base::Error(base::Errc::overloaded, "this token has made its " + std::to_string(perHour_) +
                                                    " requests of the hour (setting api_requests_per_hour): "
                                                    "wait a moment, more come every second");
    bucket.left -= 1;
    return static_cast<std::uint64_t>(bucket.left);
  });
}

}  // namespace api
