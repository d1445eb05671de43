// The links of new objects, to be looked up when all ids are known.
#pragma once

#include <array>
#include <cstdint>
#include <cstring>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include "git/detail/id_table.h"
#include "git/detail/incoming_entries.h"
#include "git/object_id.h"
#include "git/object_source.h"
#include "git/pack_receiver.h"

namespace git::detail {

/// Each id that some object of the pack names, once, with the type that it must have. Ids that the repository
/// holds are dropped when there are too many, and no more are kept than could still be in the pack: memory
/// grows with the pack's object count only. Thread-safe where it says so.
class LinkTable {
 public:
  LinkTable(ObjectFormat format, const ObjectSource& existing, std::uint64_t key);

  /// How many objects the pack has: before the first add().
  void setObjectCount(std::uint64_t count) noexcept { objectCount_ = count; }
  /// Thread-safe. Throws invalidArgument when `to` was named before as something else.
  void add(const std::uint8_t* to, ObjectType type, std::uint32_t from);
  /// The first link that ends neither in the pack nor in the repository; see PackReceiver::findMissing.
  std::optional<MissingObject> findMissing(const IncomingEntries& pack) const;

 private:
  struct Shard {
    Shard(std::size_t idBytes, std::uint64_t key) : ids(idBytes, key) {}
    std::mutex mutex;
    IdTable ids;
    std::vector<ObjectType> types;
    std::vector<std::uint32_t> from;
    bool full = false;  // more are named than can be in the pack: one is missing
  };
  void settle(Shard& shard) const;
  void checkType(const std::uint8_t* to, ObjectType wanted, ObjectType found) const;

  ObjectFormat format_;
  const ObjectSource& existing_;
  std::uint64_t key_;
  std::uint64_t objectCount_ = 0;
  static constexpr std::size_t kShards = 16;
  std::vector<std::unique_ptr<Shard>> shards_;
};

/// The links that one thread has just added: most links of a tree are those of its previous version.
class RecentLinks {
 public:
  explicit RecentLinks(ObjectFormat format) : idBytes_(idSize(format)), places_(kFewPlaces) {}

  /// True when it was already there.
  bool note(const std::uint8_t* id, ObjectType type) {
    std::uint32_t head;
    std::memcpy(&head, id, sizeof head);
    const std::size_t hash = head ^ head >> 16;
    const Place& known = places_[hash % places_.size()];
    if (known.used && known.type == type && std::memcmp(known.id.data(), id, idBytes_) == 0) return true;
    // What it forgets is added once more.
    if (++added_ == kFewPlaces) places_.assign(kPlaces, {});
    Place& place = places_[hash % places_.size()];
    std::memcpy(place.id.data(), id, idBytes_);
    place.type = type;
    place.used = true;
    return false;
  }

 private:
  static constexpr std::size_t kPlaces = 8192;
  // Most pushes have a handful of links: 280 kB for them would be the larger part of the work.
  static constexpr std::size_t kFewPlaces = 256;
  struct Place {
    std::array<std::uint8_t, 32> id;
    ObjectType type;
    bool used = false;
  };
  std::size_t idBytes_;
  std::size_t added_ = 0;
  std::vector<Place> places_;
};

}  // namespace git::detail
