// The links of new objects, to be looked up when all ids are known.
#pragma once

#include <array>
#include <cstdint>
#include <cstring>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include "git/detail/bit_set.h"
#include "git/detail/id_table.h"
#include "git/detail/incoming_entries.h"
#include "git/detail/outside_objects.h"
#include "git/object_id.h"
#include "git/object_source.h"
#include "git/pack_receiver.h"

namespace git::detail {

/// Each id that some object of the pack names, once, with the type that it must have. Ids that the repository
/// holds are dropped when there are too many (with `outside`: become bits of its numbers), and no more are
/// kept than could still be in the pack: memory grows with the pack's object count only. Thread-safe where it
/// says so.
class LinkTable {
 public:
  /// `outside`: see PackReceiverOptions.
  LinkTable(const ObjectSource& existing, std::uint64_t key, std::shared_ptr<const PackSnapshot> outside);

  /// How many objects the pack has: before the first add().
  void setObjectCount(std::uint64_t count) noexcept { objectCount_ = count; }
  /// Thread-safe. Throws invalidArgument when `to` was named before as something else.
  void add(const std::uint8_t* to, ObjectType type, std::uint32_t from);
  /// The first link that ends neither in the pack nor in the repository; see PackReceiver::findMissing.
  std::optional<MissingObject> findMissing(const IncomingEntries& pack) const;
  /// All links that end in none of the pack's first `count` entries; with `outside`, once.
  void takeOutside(const IncomingEntries& pack, std::uint64_t count, OutsideObjects& out);

 private:
  struct Shard {
    Shard(std::size_t idBytes, std::uint64_t key) : ids(idBytes, key) {}
    std::mutex mutex;
    IdTable ids;
    std::vector<ObjectType> types;
    std::vector<std::uint32_t> from;
    bool settled = false;
    bool full = false;  // more are named than can be in the pack: one is missing
  };
  void settle(Shard& shard);
  enum class Settled : std::uint8_t {
    unknown,  ///< only the pack may hold it
    kept,
    dropped
  };
  Settled settleOne(const std::uint8_t* id, ObjectType type);
  void checkType(const std::uint8_t* to, ObjectType wanted, ObjectType found) const;

  ObjectFormat format_;
  const ObjectSource& existing_;
  std::uint64_t key_;
  std::uint64_t objectCount_ = 0;
  std::shared_ptr<const PackSnapshot> outside_;  // shared with the database
  std::mutex manyMutex_;
  BitSet many_;  // of outside_
  bool anyMany_ = false;
  static constexpr std::size_t kShards = 16;
  std::vector<std::unique_ptr<Shard>> shards_;
};

[[noreturn]] void throwWrongType(const ObjectId& id, ObjectType wanted, ObjectType found);

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
