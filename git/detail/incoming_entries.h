// What is known of a pack's objects while it is received.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "git/object_id.h"

namespace git::detail {

constexpr std::uint32_t kNoEntry = 0xffffffff;

/// How an entry is stored; the first four are ObjectType. (gitformat-pack, "Object types".)
enum class StoredType : std::uint8_t {
  commit = 1,
  tree = 2,
  blob = 3,
  tag = 4,
  offsetDelta = 6,
  refDelta = 7
};

struct IncomingEntry {
  std::uint64_t offset = 0;
  std::uint64_t size = 0;  ///< of the object, deltas applied
  std::uint32_t crc = 0;
  std::uint32_t base = kNoEntry;         ///< the entry that this is a delta to, once that is known
  std::uint32_t firstChild = kNoEntry;   ///< of the deltas to this one by offset
  std::uint32_t nextSibling = kNoEntry;  ///< among the deltas to the same base
  std::uint32_t weight = 1;              ///< entries in the tree of deltas below this one, by offset
  std::uint16_t depth = 0;               ///< in its chain, as far as bases are named by offset
  StoredType stored = StoredType::blob;
  ObjectType type = ObjectType::blob;  ///< valid once resolved
  bool resolved = false;               ///< its id is known

  bool isDelta() const noexcept {
    return stored == StoredType::offsetDelta || stored == StoredType::refDelta;
  }
};

/// The entries in the order of the pack, and their ids. Threads may resolve different entries at once.
class IncomingEntries {
 public:
  explicit IncomingEntries(ObjectFormat format) : format_(format) {}
  ObjectFormat format() const noexcept { return format_; }

  std::uint32_t add(const IncomingEntry& entry) {
    entries_.push_back(entry);
    ids_.resize(ids_.size() + idSize(format_));
    return static_cast<std::uint32_t>(entries_.size() - 1);
  }
  void reserve(std::size_t count) {
    entries_.reserve(count);
    ids_.reserve(count * idSize(format_));
  }
  std::uint32_t size() const noexcept { return static_cast<std::uint32_t>(entries_.size()); }
  IncomingEntry& operator[](std::uint32_t index) noexcept { return entries_[index]; }
  const IncomingEntry& operator[](std::uint32_t index) const noexcept { return entries_[index]; }

  const std::uint8_t* idBytes(std::uint32_t index) const noexcept {
    return ids_.data() + std::size_t{index} * idSize(format_);
  }
  ObjectId id(std::uint32_t index) const noexcept { return {format_, idBytes(index)}; }
  void resolve(std::uint32_t index, ObjectType type, const ObjectId& id) noexcept;

  /// The entry that begins there.
  std::optional<std::uint32_t> atOffset(std::uint64_t offset) const noexcept;

  /// Entries by id, as an index lists them. Throws invalidArgument when two have the same.
  void sortById();
  /// After sortById().
  const std::vector<std::uint32_t>& byId() const noexcept { return byId_; }
  std::optional<std::uint32_t> find(const std::uint8_t* id) const noexcept;

 private:
  ObjectFormat format_;
  std::vector<IncomingEntry> entries_;
  std::vector<std::uint8_t> ids_;
  std::vector<std::uint32_t> byId_;
  std::vector<std::uint32_t> fanout_;  // where ids with a first byte begin
};

}  // namespace git::detail
