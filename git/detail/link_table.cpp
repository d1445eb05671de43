#include "git/detail/link_table.h"

#include <string>

#include "base/error.h"

namespace git::detail {

LinkTable::LinkTable(const ObjectSource& existing, std::uint64_t key,
                     std::shared_ptr<const PackSnapshot> outside)
    : format_(existing.format()), existing_(existing), key_(key), outside_(std::move(outside)) {
  for (std::size_t i = 0; i < kShards; ++i)
    shards_.push_back(std::make_unique<Shard>(idSize(format_), key));
}

void LinkTable::add(const std::uint8_t* to, ObjectType type, std::uint32_t from) {
  constexpr std::uint64_t kSlack = 4096;
  Shard& shard = *shards_[to[7] % kShards];
  const std::lock_guard lock(shard.mutex);
  if (shard.full) return;
  const auto [number, isNew] = shard.ids.insert(to);
  if (!isNew) return checkType(to, type, shard.types[number]);
  shard.types.push_back(type);
  shard.from.push_back(from);
  if (shard.ids.size() > 2 * objectCount_ + kSlack) settle(shard);
}

LinkTable::Settled LinkTable::settleOne(const std::uint8_t* id, ObjectType type) {
  const auto header = existing_.findHeader(ObjectId(format_, id));
  if (!header) return Settled::unknown;
  if (!outside_) {
    checkType(id, type, header->type);
    return Settled::dropped;
  }
  // As what it is named it is not there.
  if (header->type != type) return Settled::unknown;
  const auto place = outside_->find(ObjectId(format_, id));
  if (!place) return Settled::kept;
  const std::lock_guard lock(manyMutex_);
  if (!anyMany_) many_ = BitSet(outside_->count());
  anyMany_ = true;
  many_.add(place->number);
  return Settled::dropped;
}

void LinkTable::settle(Shard& shard) {
  IdTable left(idSize(format_), key_);
  std::vector<ObjectType> types;
  std::vector<std::uint32_t> from;
  std::uint64_t unknown = 0;
  shard.settled = true;
  for (std::uint32_t number = 0; number < shard.ids.size(); ++number) {
    const std::uint8_t* id = shard.ids.id(number);
    const Settled settled = settleOne(id, shard.types[number]);
    if (settled == Settled::dropped) continue;
    unknown += settled == Settled::unknown ? 1 : 0;
    left.insert(id);
    types.push_back(shard.types[number]);
    from.push_back(shard.from[number]);
  }
  shard.ids = std::move(left);
  shard.types = std::move(types);
  shard.from = std::move(from);
  shard.full = unknown > objectCount_;
}

void throwWrongType(const ObjectId& id, ObjectType wanted, ObjectType found) {
  throw base::Error(base::Errc::invalidArgument, "object " + id.hex() + " is named as a " +
                                                     std::string(name(wanted)) + " and is a " +
                                                     std::string(name(found)));
}

void LinkTable::checkType(const std::uint8_t* to, ObjectType wanted, ObjectType found) const {
  if (wanted != found) throwWrongType(ObjectId(format_, to), wanted, found);
}

std::optional<MissingObject> LinkTable::findMissing(const IncomingEntries& pack) const {
  for (const auto& shard : shards_) {
    for (std::uint32_t number = 0; number < shard->ids.size(); ++number) {
      const std::uint8_t* id = shard->ids.id(number);
      if (const auto entry = pack.find(id)) {
        checkType(id, shard->types[number], pack[*entry].type);
      } else if (const auto header = existing_.findHeader(ObjectId(format_, id))) {
        checkType(id, shard->types[number], header->type);
      } else {
        return MissingObject{ObjectId(format_, id), pack.id(shard->from[number])};
      }
    }
  }
  return std::nullopt;
}

void LinkTable::takeOutside(const IncomingEntries& pack, std::uint64_t count, OutsideObjects& out) {
  for (const auto& shard : shards_) {
    if (shard->settled) out.setCrowded();
    if (shard->full) out.addLost();
    for (std::uint32_t number = 0; number < shard->ids.size(); ++number) {
      const std::uint8_t* id = shard->ids.id(number);
      const ObjectType type = shard->types[number];
      if (const auto entry = pack.find(id); entry && *entry < count) {
        out.checkType(id, type, pack[*entry].type);
      } else {
        out.add(id, {.role = OutsideObjects::link, .type = type, .from = shard->from[number]});
      }
    }
  }
  if (!anyMany_) return;
  for (std::uint32_t entry = 0; entry < count; ++entry) {
    if (const auto place = outside_->find(pack.id(entry))) many_.remove(place->number);
  }
  out.addMany(outside_, std::move(many_));
}

}  // namespace git::detail
