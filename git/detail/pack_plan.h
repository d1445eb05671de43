// Which objects a pack for one client must hold.
#pragma once

#include <functional>
#include <memory>
#include <stop_token>
#include <unordered_map>
#include <vector>

#include "git/detail/bit_set.h"
#include "git/detail/history.h"
#include "git/detail/object_filter.h"

namespace git::detail {

/// What the client asked for and has. The history knows what is shallow.
struct PackSelection {
  std::vector<ObjectId> wants;
  std::vector<ObjectId> haves;
  ObjectFilter filter;
  /// Tags that come along when what they point to does: {tag, peeled}.
  std::vector<std::pair<ObjectId, ObjectId>> tags;
  /// Shallow clients have holes: all that their haves hold is looked at, not only the edge.
  bool shallow = false;
};

/// An object and where it lies in a snapshot, so that it need not be looked up for each set.
struct Located {
  Located(const PackSnapshot& snapshot, const ObjectId& name) : id(name), place(snapshot.find(name)) {}
  ObjectId id;
  std::optional<PackSnapshot::Place> place;  ///< none: in no pack
};

/// Sets of objects: those in packs as bits of a snapshot's numbers, the others by id. One thread at a time.
class ObjectSet {
 public:
  explicit ObjectSet(std::shared_ptr<const PackSnapshot> snapshot)
      : snapshot_(std::move(snapshot)), packed_(snapshot_->count()) {}

  /// True when it was not in.
  bool add(const Located& object);
  bool add(const ObjectId& id) { return add(Located(*snapshot_, id)); }
  bool has(const Located& object) const;
  bool has(const ObjectId& id) const { return has(Located(*snapshot_, id)); }
  bool hasNumber(std::uint32_t number) const noexcept { return packed_.has(number); }
  const BitSet& packed() const noexcept { return packed_; }
  const std::vector<ObjectId>& others() const noexcept { return others_; }
  const PackSnapshot& snapshot() const noexcept { return *snapshot_; }
  std::uint64_t size() const noexcept { return size_; }

 private:
  std::shared_ptr<const PackSnapshot> snapshot_;  // shared with the database
  BitSet packed_;
  std::vector<ObjectId> others_;
  std::unordered_map<ObjectId, bool> isOther_;
  std::uint64_t size_ = 0;
};

struct PackPlan {
  explicit PackPlan(const std::shared_ptr<const PackSnapshot>& snapshot)
      : selected(snapshot), atClient(snapshot) {}
  ObjectSet selected;
  ObjectSet atClient;  ///< bases that a thin pack may use
};

struct PlanWatch {
  std::stop_token stop;
  std::function<void(std::uint64_t objects)> onProgress;  ///< now and then
};

/// Walks commits and trees. Memory grows with the number of commits, and by a bit for each packed object.
/// Throws corrupt for what is missing, cancelled.
PackPlan planPack(History& history, const PackSelection& selection, const PlanWatch& watch);

}  // namespace git::detail
