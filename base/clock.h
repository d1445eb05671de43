// Time, as an object passed to constructors.
#pragma once

#include <chrono>
#include <string>

namespace base {

using Time = std::chrono::sys_time<std::chrono::milliseconds>;

class Clock {
 public:
  virtual ~Clock() = default;
  /// Wall time. Thread-safe.
  virtual Time now() const = 0;
};

class SystemClock : public Clock {
 public:
  Time now() const override;
};

/// "2026-01-31T12:00:00Z" (RFC 3339, seconds, UTC).
std::string toRfc3339(Time time);
/// "2m ago", "3h ago"; for tables.
std::string toAge(Time then, Time now);

}  // namespace base
