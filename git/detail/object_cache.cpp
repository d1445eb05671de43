#include "git/detail/object_cache.h"

namespace git::detail {
namespace {

// Beside the content: list node, table node, shared block.
constexpr std::uint64_t kOverhead = 200;
// One object may not push out all the others.
constexpr std::uint64_t kMaxShare = 8;

std::uint64_t cost(const Object& object) {
  return object.data.size() + kOverhead;
}

}  // namespace

std::shared_ptr<const Object> ObjectCache::find(const Key& key) {
  const std::lock_guard lock(mutex_);
  const auto found = byKey_.find(key);
  if (found == byKey_.end()) return nullptr;
  entries_.splice(entries_.begin(), entries_, found->second);
  return found->second->second;
}

void ObjectCache::add(const Key& key, std::shared_ptr<const Object> object) {
  const std::uint64_t bytes = cost(*object);
  if (bytes > maxBytes_ / kMaxShare) return;
  const std::lock_guard lock(mutex_);
  if (byKey_.contains(key)) return;
  entries_.emplace_front(key, std::move(object));
  byKey_.emplace(key, entries_.begin());
  bytes_ += bytes;
  while (bytes_ > maxBytes_) {
    bytes_ -= cost(*entries_.back().second);
    byKey_.erase(entries_.back().first);
    entries_.pop_back();
  }
}

}  // namespace git::detail
