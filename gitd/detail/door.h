// Who of those that have connected may log in next.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <list>
#include <mutex>
#include <optional>
#include <string>
#include <tuple>
#include <unordered_map>
#include <vector>

#include "base/fd.h"

namespace gitd::detail {

struct DoorLimits {
  unsigned maxConnections = 256;
  unsigned maxUnauthenticated = 64;
  unsigned maxUnauthenticatedPerSource = 16;
  unsigned maxPerSource = 100;
  unsigned maxWaiting = 1024;
  std::chrono::seconds maxWait{60};
};

/// Counts connections by source and keeps those that must wait, so that limits queue and do not drop. Inside
/// only numbers and an order: no socket is touched. Those who have said something go before the silent, who
/// get half of the places at most; sources that lately connected and never logged in go last and get a
/// quarter of their places; then the source with the fewest goes first. While people wait long, every second
/// one let in is the newest: neither end of the queue starves. Thread-safe.
class Door {
 public:
  using Clock = std::chrono::steady_clock;

  struct Visitor {
    std::uint64_t id = 0;
    base::Fd socket;
    std::string source;  ///< what limits go by: an IPv4 address or an IPv6 /64
    std::string peer;    ///< "ADDRESS:PORT"
    Clock::time_point since;
    bool spoke = false;
  };

  explicit Door(const DoorLimits& limits) : limits_(limits) {}

  /// Nobody more can be taken, not even in another's place: what comes stays in the kernel's queue.
  bool full(Clock::time_point now) const;
  /// Puts a visitor at the end. Returns who must go for it: somebody silent or of a penalised source.
  std::optional<Visitor> arrive(Visitor visitor, Clock::time_point now);
  /// The next one that may log in now; it counts as unauthenticated from here on.
  std::optional<Visitor> admit(Clock::time_point now);
  /// Bytes came from a waiting visitor.
  void spoke(std::uint64_t id);
  /// A waiting visitor hung up, or is to be sent away.
  std::optional<Visitor> remove(std::uint64_t id);
  /// Those who have waited for too long, and why.
  std::vector<std::pair<Visitor, std::string>> overdue(Clock::time_point now);
  /// Everybody who waits.
  std::vector<Visitor> clear();

  enum class Login { never, done };
  void loggedIn(const std::string& source);
  /// An admitted connection has ended.
  void left(const std::string& source, Login login, Clock::time_point now);

  /// Somebody waits: who does not get on with logging in must go.
  bool crowded() const noexcept { return crowded_; }
  std::size_t waiting() const;

 private:
  struct Source {
    unsigned open = 0;
    unsigned unauthenticated = 0;
    unsigned waiting = 0;
    unsigned failures = 0;  // in a row, without a login between
    Clock::time_point lastFailure;
  };
  using Waiting = std::list<Visitor>;

  static bool penalised(const Source& source, Clock::time_point now);
  bool mayEnter(const Visitor& visitor, const Source& source, Clock::time_point now) const;
  Waiting::iterator choose(Clock::time_point now);
  std::list<Visitor>::const_iterator mostDispensable(Clock::time_point now) const;
  Visitor take(Waiting::const_iterator at);
  void forget(const std::string& source, Clock::time_point now);
  std::string reason(const Visitor& visitor) const;

  const DoorLimits limits_;
  mutable std::mutex mutex_;
  Waiting waiting_;  // in order of arrival
  std::unordered_map<std::string, Source> sources_;
  unsigned open_ = 0;
  unsigned unauthenticated_ = 0;
  bool newestNext_ = false;
  std::atomic<bool> crowded_{false};
};

}  // namespace gitd::detail
