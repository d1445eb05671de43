#include "gitd/detail/door.h"

#include <algorithm>
#include <utility>

namespace gitd::detail {
namespace {

// A person's client fails once or twice, a scanner always.
constexpr unsigned kFailuresForgiven = 5;
constexpr std::chrono::seconds kPenaltyTime{60};
constexpr unsigned kPenaltyShare = 4;
// Longer than this in the queue means that the newest shall get a chance too.
constexpr std::chrono::seconds kLongWait{1};
// Sources without a connection are remembered for their failures only, and this many at most.
constexpr std::size_t kMaxRemembered = 10'000;

unsigned half(unsigned places) {
  return (places + 1) / 2;
}

}  // namespace

bool Door::penalised(const Source& source, Clock::time_point now) {
  return source.failures >= kFailuresForgiven && now < source.lastFailure + kPenaltyTime;
}

bool Door::mayEnter(const Visitor& visitor, const Source& source, Clock::time_point now) const {
  if (source.open >= limits_.maxPerSource) return false;
  unsigned ofSource = limits_.maxUnauthenticatedPerSource;
  if (penalised(source, now)) ofSource = std::max(1u, ofSource / kPenaltyShare);
  unsigned ofAll = limits_.maxUnauthenticated;
  if (!visitor.spoke) {
    ofSource = half(ofSource);
    ofAll = half(ofAll);
  }
  return source.unauthenticated < ofSource && unauthenticated_ < ofAll;
}

Door::Waiting::iterator Door::choose(Clock::time_point now) {
  using Rank = std::tuple<bool, bool, unsigned>;  // the smallest goes first
  auto best = waiting_.end();
  Rank bestRank{};
  for (auto at = waiting_.begin(); at != waiting_.end(); ++at) {
    const Source& source = sources_.at(at->source);
    if (!mayEnter(*at, source, now)) continue;
    const Rank rank{penalised(source, now), !at->spoke, source.unauthenticated};
    if (best == waiting_.end() || rank < bestRank || (rank == bestRank && newestNext_)) {
      best = at;
      bestRank = rank;
    }
  }
  return best;
}

std::optional<Door::Visitor> Door::admit(Clock::time_point now) {
  const std::lock_guard lock(mutex_);
  crowded_ = !waiting_.empty();
  if (waiting_.empty() || open_ >= limits_.maxConnections || unauthenticated_ >= limits_.maxUnauthenticated)
    return std::nullopt;
  const bool longWait = now > waiting_.front().since + kLongWait;
  newestNext_ = longWait && !newestNext_;
  const auto chosen = choose(now);
  if (chosen == waiting_.end()) return std::nullopt;
  Visitor visitor = take(chosen);
  Source& source = sources_.at(visitor.source);
  ++source.open;
  ++source.unauthenticated;
  ++open_;
  ++unauthenticated_;
  return visitor;
}

Door::Visitor Door::take(Waiting::const_iterator at) {
  Visitor visitor = std::move(const_cast<Visitor&>(*at));
  waiting_.erase(at);
  --sources_.at(visitor.source).waiting;
  crowded_ = !waiting_.empty();
  return visitor;
}

Door::Waiting::const_iterator Door::mostDispensable(Clock::time_point now) const {
  auto best = waiting_.end();
  int bestRank = 0;
  for (auto at = waiting_.begin(); at != waiting_.end(); ++at) {
    const int rank =
        2 * static_cast<int>(penalised(sources_.at(at->source), now)) + static_cast<int>(!at->spoke);
    if (rank > bestRank) {
      best = at;
      bestRank = rank;
    }
  }
  return best;
}

bool Door::full(Clock::time_point now) const {
  const std::lock_guard lock(mutex_);
  return waiting_.size() >= limits_.maxWaiting && mostDispensable(now) == waiting_.end();
}

std::optional<Door::Visitor> Door::arrive(Visitor visitor, Clock::time_point now) {
  const std::lock_guard lock(mutex_);
  std::optional<Visitor> goes;
  if (waiting_.size() >= limits_.maxWaiting) {
    const auto at = mostDispensable(now);
    if (at != waiting_.end()) {
      const std::string source = at->source;
      goes = take(at);
      forget(source, now);
    }
  }
  ++sources_[visitor.source].waiting;
  waiting_.push_back(std::move(visitor));
  return goes;
}

void Door::spoke(std::uint64_t id) {
  const std::lock_guard lock(mutex_);
  for (Visitor& visitor : waiting_) {
    if (visitor.id == id) visitor.spoke = true;
  }
}

std::optional<Door::Visitor> Door::remove(std::uint64_t id) {
  const std::lock_guard lock(mutex_);
  const auto at =
      std::find_if(waiting_.begin(), waiting_.end(), [&](const Visitor& v) { return v.id == id; });
  if (at == waiting_.end()) return std::nullopt;
  Visitor visitor = take(at);
  forget(visitor.source, Clock::now());
  return visitor;
}

std::string Door::reason(const Visitor& visitor) const {
  const auto of = [](const char* what, unsigned limit, const char* setting) {
    return std::string(what) + " (" + std::to_string(limit) + "): try again later, or raise " + setting;
  };
  if (open_ >= limits_.maxConnections)
    return of("the server has too many connections", limits_.maxConnections, "ssh_max_connections");
  if (sources_.at(visitor.source).open >= limits_.maxPerSource)
    return of("your address has too many connections", limits_.maxPerSource, "ssh_max_per_source");
  if (unauthenticated_ >= half(limits_.maxUnauthenticated))
    return of("too many clients are logging in", limits_.maxUnauthenticated, "ssh_max_unauthenticated");
  return of("too many clients are logging in from your address", limits_.maxUnauthenticatedPerSource,
            "ssh_max_unauthenticated_per_source");
}

std::vector<std::pair<Door::Visitor, std::string>> Door::overdue(Clock::time_point now) {
  const std::lock_guard lock(mutex_);
  std::vector<std::pair<Visitor, std::string>> late;
  while (!waiting_.empty() && now >= waiting_.front().since + limits_.maxWait) {
    std::string why = reason(waiting_.front());
    late.emplace_back(take(waiting_.begin()), std::move(why));
    forget(late.back().first.source, now);
  }
  return late;
}

std::vector<Door::Visitor> Door::clear() {
  const std::lock_guard lock(mutex_);
  std::vector<Visitor> all;
  while (!waiting_.empty())
    all.push_back(take(waiting_.begin()));
  return all;
}

void Door::loggedIn(const std::string& source) {
  const std::lock_guard lock(mutex_);
  Source& of = sources_.at(source);
  --of.unauthenticated;
  of.failures = 0;
  --unauthenticated_;
}

void Door::left(const std::string& source, Login login, Clock::time_point now) {
  const std::lock_guard lock(mutex_);
  Source& of = sources_.at(source);
  --of.open;
  --open_;
  if (login == Login::never) {
    --of.unauthenticated;
    --unauthenticated_;
    ++of.failures;
    of.lastFailure = now;
  }
  forget(source, now);
}

/// Drops what is known of a source that has nothing here any more.
void Door::forget(const std::string& source, Clock::time_point now) {
  const auto idle = [](const Source& of) { return of.open == 0 && of.waiting == 0; };
  const auto at = sources_.find(source);
  if (idle(at->second) && at->second.failures == 0) {
    sources_.erase(at);
  } else if (sources_.size() > kMaxRemembered) {
    std::erase_if(sources_,
                  [&](const auto& entry) { return idle(entry.second) && !penalised(entry.second, now); });
    if (sources_.size() > kMaxRemembered)
      std::erase_if(sources_, [&](const auto& entry) { return idle(entry.second); });
  }
}

std::size_t Door::waiting() const {
  const std::lock_guard lock(mutex_);
  return waiting_.size();
}

}  // namespace gitd::detail
