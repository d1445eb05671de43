// Blobs that somebody is about to refer to.
#pragma once

#include <chrono>
#include <cstdint>
#include <mutex>
#include <unordered_map>

#include "base/digest.h"

namespace store {

/// What a collection must leave alone although no row names it: blobs that were just stored, and those that a
/// client was just told are here and that it therefore will not send. In memory only: who was told before a
/// restart is covered by its beginning, since for one lease's length after that everything counts as leased.
/// Thread-safe.
class BlobLeases {
 public:
  using Clock = std::chrono::steady_clock;

  explicit BlobLeases(Clock::duration length) : length_(length), all_(Clock::now() + length) {}
  BlobLeases(const BlobLeases&) = delete;
  BlobLeases& operator=(const BlobLeases&) = delete;

  /// Also ends the time after the start in which everything is leased, when it is shorter now.
  void setLength(Clock::duration length);
  /// Before one looks whether the blob is here: what is found then stays for the lease's length.
  void renew(const base::Digest& digest);

  /// While one is there nobody renews, and so nobody looks: what is not leased can be removed.
  class Freeze {
   public:
    explicit Freeze(BlobLeases& leases) : leases_(leases), lock_(leases.mutex_) {}
    bool isLeased(const base::Digest& digest) const;

   private:
    const BlobLeases& leases_;
    std::unique_lock<std::mutex> lock_;
  };

 private:
  static std::uint64_t keyOf(const base::Digest& digest);
  void prune(Clock::time_point now);

  std::mutex mutex_;
  Clock::duration length_;
  Clock::time_point all_;                                       // until then everything is leased
  std::unordered_map<std::uint64_t, Clock::time_point> until_;  // by the digest's first bits: two blobs that
                                                                // share them only live longer
  std::size_t pruneAt_ = 1024;
};

}  // namespace store
