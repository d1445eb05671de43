// Memory that everything which unpacks strangers' data shares.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <stop_token>

namespace git {

/// Hands out shares of a fixed number of bytes. A share that asks for more than there is in all gets
/// everything and runs alone, so nobody waits for ever. Whoever holds a share does not ask for a second one.
/// Thread-safe.
class MemoryBudget {
 public:
  explicit MemoryBudget(std::uint64_t bytes) noexcept : total_(bytes), free_(bytes) {}
  MemoryBudget(const MemoryBudget&) = delete;
  MemoryBudget& operator=(const MemoryBudget&) = delete;

  /// Gives its bytes back when it dies.
  class Share {
   public:
    Share(Share&& other) noexcept : budget_(other.budget_), bytes_(other.bytes_) { other.budget_ = nullptr; }
    Share& operator=(Share&&) = delete;
    ~Share();
    std::uint64_t bytes() const noexcept { return bytes_; }

   private:
    friend class MemoryBudget;
    Share(MemoryBudget* budget, std::uint64_t bytes) noexcept : budget_(budget), bytes_(bytes) {}
    MemoryBudget* budget_;
    std::uint64_t bytes_;
  };

  /// Waits until `bytes` are free. Throws cancelled when `stop` is requested meanwhile.
  Share take(std::uint64_t bytes, const std::stop_token& stop);

 private:
  std::uint64_t total_;
  std::uint64_t free_;
  std::mutex mutex_;
  std::condition_variable_any freed_;
};

}  // namespace git
