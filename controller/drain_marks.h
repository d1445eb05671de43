// How far the drains have sent their apps' logs.
#pragma once

#include <chrono>
#include <cstdint>
#include <mutex>
#include <optional>

#include "store/drain_store.h"

namespace controller {

/// In memory at once, in the database once in a while: what a kill takes of them is sent again. Thread-safe;
/// the store outlives it.
class DrainMarks {
 public:
  DrainMarks(store::ReleaseStore& store, std::chrono::milliseconds every);

  /// The number of the newest line that went; nothing where that was never known.
  std::optional<std::uint64_t> of(std::int64_t drain) const;
  void set(std::int64_t drain, std::uint64_t sent);
  /// What has changed goes into the database, in one transaction, if the last time is long enough ago.
  void keepWhenDue() noexcept;
  /// The same, now. A database that cannot be written is told of, and they are kept the next time.
  void keep() noexcept;

 private:
  store::ReleaseStore& store_;
  const std::chrono::milliseconds every_;
  std::mutex keeping_;  // held for one transaction: who returns from keep() has all in the database
  mutable std::mutex mutex_;
  store::DrainStore::Marks all_;      // guarded by mutex_, as what follows
  store::DrainStore::Marks changed_;  // not in the database yet
  std::chrono::steady_clock::time_point due_;
};

}  // namespace controller
