#include "git/detail/link_table.h"

#include <string>

#include "base/error.h"

namespace git::detail {

LinkTable::LinkTable(ObjectFormat format, const ObjectSource& existing, std::uint64_t key)
    : format_(format), existing_(existing), key_(key) {
  for (std::size_t i = 0; i < kShards; ++i)
    shards_.push_back(std::make_unique<Shard>(idSize(format), key));
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

void LinkTable::settle(Shard& shard) const {
  IdTable left(idSize(format_), key_);
  std::vector<ObjectType> types;
  std::vector<std::uint32_t> from;
  for (std::uint32_t number = 0; number < shard.ids.size(); ++number) {
    const std::uint8_t* id = shard.ids.id(number);
    if (const auto header = existing_.findHeader(ObjectId(format_, id))) {
      checkType(id, shard.types[number], header->type);
      continue;
    }
    left.insert(id);
    types.push_back(shard.types[number]);
    from.push_back(shard.from[number]);
  }
  shard.ids = std::move(left);
  shard.types = std::move(types);
  shard.from = std::move(from);
  shard.full = shard.ids.size() > objectCount_;
}

void LinkTable::checkType(const std::uint8_t* to, ObjectType wanted, ObjectType found) const {
  if (wanted == found) return;
  throw base::Error(base::Errc::invalidArgument, "object " + ObjectId(format_, to).hex() + " is named as a " +
                                                     std::string(name(wanted)) + " and is a " +
                                                     std::string(name(found)));
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

}  // namespace git::detail
