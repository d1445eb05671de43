// The processor time that one pack may take.
#pragma once

#include <atomic>
#include <cstdint>

#include "git/pack_receiver.h"

namespace git::detail {

/// Adds up what all threads that work on a pack use: waiting, for a slow client or for memory, costs nothing.
/// Thread-safe.
class UnpackTime {
 public:
  explicit UnpackTime(const Limit& limit) noexcept : limit_(limit) {}
  UnpackTime(const UnpackTime&) = delete;
  UnpackTime& operator=(const UnpackTime&) = delete;

  /// A thread's work, from here to its end; one at a time in a thread.
  class Spell {
   public:
    explicit Spell(UnpackTime& total) noexcept;
    ~Spell();
    Spell(const Spell&) = delete;
    Spell& operator=(const Spell&) = delete;
    /// Throws invalidArgument when all threads together have used more than the limit. A system call.
    void check();

   private:
    void add() noexcept;
    UnpackTime& total_;
    std::int64_t sinceNs_;  // of the thread's own clock: what is before it was added
  };

 private:
  const Limit& limit_;
  std::atomic<std::int64_t> usedNs_ = 0;
};

}  // namespace git::detail
