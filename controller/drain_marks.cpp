#include "controller/drain_marks.h"

#include "base/log.h"

namespace controller {

DrainMarks::DrainMarks(store::ReleaseStore& store, std::chrono::milliseconds every)
    : store_(store), every_(every), all_(store::DrainStore(store).marks()) {}

std::optional<std::uint64_t> DrainMarks::of(std::int64_t drain) const {
  const std::lock_guard lock(mutex_);
  const auto found = all_.find(drain);
  return found == all_.end() ? std::nullopt : std::optional(found->second);
}

void DrainMarks::set(std::int64_t drain, std::uint64_t sent) {
  const std::lock_guard lock(mutex_);
  all_.insert_or_assign(drain, sent);
  changed_.insert_or_assign(drain, sent);
}

void DrainMarks::keepWhenDue() noexcept {
  {
    const std::lock_guard lock(mutex_);
    if (changed_.empty() || std::chrono::steady_clock::now() < due_) return;
  }
  keep();
}

void DrainMarks::keep() noexcept {
  const std::lock_guard one(keeping_);
  store::DrainStore::Marks changed;
  {
    const std::lock_guard lock(mutex_);
    due_ = std::chrono::steady_clock::now() + every_;
    changed.swap(changed_);
  }
  if (changed.empty()) return;
  try {
    store::DrainStore(store_).keepMarks(changed);
  } catch (const std::exception& failure) {  // of a worker's job: it is tried again
    base::Log("drain").error("how far drains are was not kept: they may send lines again",
                             {{"error", failure.what()}});
    const std::lock_guard lock(mutex_);
    changed_.merge(changed);  // what has changed since is newer
  }
}

}  // namespace controller
