#include "git/detail/unpack_time.h"

#include <time.h>

#include "git/detail/pack_stream.h"

namespace git::detail {
namespace {

constexpr std::int64_t kSecond = 1'000'000'000;

std::int64_t threadNs() noexcept {
  timespec now{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return now.tv_sec * kSecond + now.tv_nsec;
}

}  // namespace

UnpackTime::Spell::Spell(UnpackTime& total) noexcept : total_(total), sinceNs_(threadNs()) {}

UnpackTime::Spell::~Spell() {
  add();
}

void UnpackTime::Spell::add() noexcept {
  const std::int64_t now = threadNs();
  total_.usedNs_ += now - sinceNs_;
  sinceNs_ = now;
}

void UnpackTime::Spell::check() {
  add();
  // Whole seconds, so that no limit is too large to be compared with.
  const auto used = static_cast<std::uint64_t>(total_.usedNs_);
  const std::uint64_t limit = total_.limit_.value;
  if (used / kSecond > limit || (used / kSecond == limit && used % kSecond > 0))
    throwOverLimit("the processor's seconds that the pack takes to unpack are", total_.limit_);
}

}  // namespace git::detail
