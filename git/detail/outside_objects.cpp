#include "git/detail/outside_objects.h"

#include <algorithm>

namespace git::detail {

OutsideObjects::OutsideObjects(ObjectFormat format)
    : format_(format), ids_(idSize(format), randomTableKey()) {}

bool OutsideObjects::mayBeCommit(const Entry& entry) const noexcept {
  if (entry.type != 0) return entry.type == static_cast<std::uint8_t>(ObjectType::commit);
  // A base that is one is found by the walk through everything.
  return (entry.roles & (tip | spare)) != 0;
}

void OutsideObjects::count(const Entry& entry, std::int64_t change) noexcept {
  left_ += static_cast<std::uint64_t>(change);
  if (mayBeCommit(entry)) commitsLeft_ += static_cast<std::uint64_t>(change);
  if ((entry.roles & base) != 0) basesLeft_ += static_cast<std::uint64_t>(change);
}

void OutsideObjects::add(const std::uint8_t* id, const Need& need) {
  const auto type = static_cast<std::uint8_t>(need.type ? static_cast<unsigned>(*need.type) : 0u);
  const auto [number, isNew] = ids_.insert(id);
  if (isNew) {
    entries_.push_back({need.from, need.role, type, false});
    return count(entries_.back(), 1);
  }
  Entry& entry = entries_[number];
  if (!entry.found) count(entry, -1);
  if (need.role == link) entry.from = need.from;
  entry.roles = static_cast<std::uint8_t>(entry.roles | need.role);
  if (type != 0) entry.type = type;
  if (!entry.found) count(entry, 1);
}

void OutsideObjects::addMany(std::shared_ptr<const PackSnapshot> snapshot, BitSet numbers) {
  snapshot_ = std::move(snapshot);
  many_ = std::move(numbers);
  manyNotFound_ = many_;
  manyLeft_ = many_.count(0, snapshot_->count());
  left_ += manyLeft_;
}

void OutsideObjects::checkType(const std::uint8_t* id, ObjectType wanted, ObjectType found) {
  if (wanted != found && !wrongType_) wrongType_ = {ObjectId(format_, id), wanted, found};
}

void OutsideObjects::found(const std::uint8_t* id, ObjectType type) {
  if (const auto number = ids_.find(id)) {
    Entry& entry = entries_[*number];
    if (!entry.found) {
      count(entry, -1);
      entry.found = true;
      if (entry.type != 0) checkType(id, static_cast<ObjectType>(entry.type), type);
    }
  }
  if (manyLeft_ == 0) return;
  const auto place = snapshot_->find(ObjectId(format_, id));
  if (!place || !manyNotFound_.remove(place->number)) return;
  --manyLeft_;
  --left_;
}

bool OutsideObjects::isFound(const ObjectId& id) const noexcept {
  if (const auto number = ids_.find(id.data())) return entries_[*number].found;
  const auto place = snapshot_ ? snapshot_->find(id) : std::nullopt;
  return place && many_.has(place->number) && !manyNotFound_.has(place->number);
}

bool OutsideObjects::isLeft(const ObjectId& id) const noexcept {
  if (const auto number = ids_.find(id.data())) return !entries_[*number].found;
  const auto place = snapshot_ ? snapshot_->find(id) : std::nullopt;
  return place && manyNotFound_.has(place->number);
}

void OutsideObjects::giveUpSpares() noexcept {
  for (Entry& entry : entries_) {
    if (entry.found || (entry.roles & spare) == 0) continue;
    count(entry, -1);
    entry.roles = static_cast<std::uint8_t>(entry.roles & ~unsigned{spare});
    if (entry.roles != 0) count(entry, 1);
  }
}

void OutsideObjects::decideCommits() noexcept {
  lost_ = lost_ || std::any_of(entries_.begin(), entries_.end(), [&](const Entry& entry) {
            return !entry.found && (entry.roles & link) != 0 && mayBeCommit(entry);
          });
}

std::optional<OutsideObjects::Lost> OutsideObjects::lostLink() const {
  std::optional<Lost> lost;
  if (lost_ || manyLeft_ > 0) lost = Lost{ObjectId::null(format_), 0};
  for (std::uint32_t number = 0; number < ids_.size(); ++number) {
    const Entry& entry = entries_[number];
    if (entry.found || (entry.roles & link) == 0) continue;
    if (mayBeCommit(entry)) return Lost{idOf(number), entry.from};
    if (!lost) lost = Lost{idOf(number), entry.from};
  }
  return lost;
}

}  // namespace git::detail
