#include "store/blob_leases.h"

#include <algorithm>
#include <charconv>
#include <string_view>

namespace store {
namespace {

// 20 MB of memory. Beyond that nothing is collected for a while.
constexpr std::size_t kMaxLeases = 500'000;

}  // namespace

std::uint64_t BlobLeases::keyOf(const base::Digest& digest) {
  constexpr std::size_t kKeyDigits = 16;
  constexpr int kHex = 16;
  const std::string_view text = digest.str();
  const std::string_view hex = text.substr(text.find(':') + 1, kKeyDigits);
  std::uint64_t key = 0;
  std::from_chars(hex.data(), hex.data() + hex.size(), key, kHex);
  return key;
}

void BlobLeases::setLength(Clock::duration length) {
  const std::lock_guard lock(mutex_);
  all_ += std::min(length - length_, Clock::duration::zero());
  length_ = length;
}

void BlobLeases::renew(const base::Digest& digest) {
  const std::lock_guard lock(mutex_);
  const auto now = Clock::now();
  if (until_.size() >= pruneAt_) prune(now);
  if (until_.size() < kMaxLeases)
    until_[keyOf(digest)] = now + length_;
  else
    all_ = std::max(all_, now + length_);
}

void BlobLeases::prune(Clock::time_point now) {
  std::erase_if(until_, [now](const auto& entry) { return entry.second <= now; });
  constexpr std::size_t kLeast = 1024;
  pruneAt_ = std::max(kLeast, 2 * until_.size());
}

bool BlobLeases::Freeze::isLeased(const base::Digest& digest) const {
  const auto now = Clock::now();
  if (now < leases_.all_) return true;
  const auto found = leases_.until_.find(keyOf(digest));
  return found != leases_.until_.end() && now < found->second;
}

}  // namespace store
