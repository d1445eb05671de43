// Objects that were read lately, because others are told as deltas of them.
#pragma once

#include <cstdint>
#include <list>
#include <memory>
#include <mutex>
#include <unordered_map>

#include "git/object_source.h"

namespace git::detail {

/// Keeps at most `maxBytes`; what was not used longest goes first. Thread-safe; an object that is held
/// outlives its place here. Shared by the cache and its readers.
class ObjectCache {
 public:
  explicit ObjectCache(std::uint64_t maxBytes) : maxBytes_(maxBytes) {}

  struct Key {
    std::uint64_t pack = 0;  ///< its serial number
    std::uint64_t offset = 0;
    friend bool operator==(const Key&, const Key&) noexcept = default;
  };
  std::shared_ptr<const Object> find(const Key& key);
  void add(const Key& key, std::shared_ptr<const Object> object);

 private:
  struct Hash {
    std::size_t operator()(const Key& key) const noexcept {
      return (key.pack << 40) ^ (key.offset * 0x9e3779b97f4a7c15ull);
    }
  };
  using Entries = std::list<std::pair<Key, std::shared_ptr<const Object>>>;

  std::uint64_t maxBytes_;
  std::mutex mutex_;
  std::uint64_t bytes_ = 0;
  Entries entries_;  // used last in front
  std::unordered_map<Key, Entries::iterator, Hash> byKey_;
};

}  // namespace git::detail
