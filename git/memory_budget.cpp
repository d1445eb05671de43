#include "git/memory_budget.h"

#include <algorithm>

#include "base/error.h"

namespace git {

MemoryBudget::Share MemoryBudget::take(std::uint64_t bytes, const std::stop_token& stop) {
  const std::uint64_t wanted = std::min(bytes, total_);
  std::unique_lock lock(mutex_);
  if (!freed_.wait(lock, stop, [&] { return free_ >= wanted; }))
    throw base::Error(base::Errc::cancelled, "the client is gone");
  free_ -= wanted;
  return {this, wanted};
}

MemoryBudget::Share::~Share() {
  if (budget_ == nullptr) return;
  {
    const std::lock_guard lock(budget_->mutex_);
    budget_->free_ += bytes_;
  }
  budget_->freed_.notify_all();
}

}  // namespace git
