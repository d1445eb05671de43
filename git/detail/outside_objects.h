// The objects that a push leans on and does not bring.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "git/detail/bit_set.h"
#include "git/detail/id_table.h"
#include "git/object_database.h"
#include "git/object_id.h"

namespace git::detail {

/// Ids that are to be found among what the pusher can read. Nothing here asks whether the repository holds
/// them: so an object that is there and unreachable cannot be told from one that is not there. 30 bytes an
/// id; many links to one snapshot take a bit each. One thread at a time.
class OutsideObjects {
 public:
  enum Role : std::uint8_t {
    link = 1,  ///< a new object names it
    base = 2,  ///< a delta was made of it
    tip = 4,   ///< a ref shall say it
    spare = 8  ///< a parent of a commit that may lack it
  };
  struct Need {
    Role role = link;
    std::optional<ObjectType> type = std::nullopt;  ///< when it must be one
    std::uint32_t from = 0xffffffff;                ///< the entry of the pack that names it
  };
  struct WrongType {
    ObjectId id;
    ObjectType wanted = ObjectType::blob;
    ObjectType found = ObjectType::blob;
  };

  explicit OutsideObjects(ObjectFormat format);

  void add(const std::uint8_t* id, const Need& need);
  /// Links of the snapshot's objects, each with the right type, by number.
  void addMany(std::shared_ptr<const PackSnapshot> snapshot, BitSet numbers);
  /// There were so many links that none is to be named.
  void setCrowded() noexcept { crowded_ = true; }
  /// Some link leads nowhere, wherever one looks.
  void addLost() noexcept { lost_ = true; }

  /// Keeps the first that is not what it was named as.
  void checkType(const std::uint8_t* id, ObjectType wanted, ObjectType found);
  /// The pusher can read it.
  void found(const std::uint8_t* id, ObjectType type);
  /// Known here and found.
  bool isFound(const ObjectId& id) const noexcept;
  /// Known here and not found yet.
  bool isLeft(const ObjectId& id) const noexcept;
  /// Whom nothing leads to any more: parents that may be lacking are lacking.
  void giveUpSpares() noexcept;

  /// How many were not found yet.
  std::uint64_t left() const noexcept { return left_; }
  /// Of those, the ones that are commits or may be.
  std::uint64_t commitsLeft() const noexcept { return commitsLeft_; }
  std::uint64_t basesLeft() const noexcept { return basesLeft_; }
  /// Said when every commit was looked for: one that is left is lost.
  void decideCommits() noexcept;
  /// Nothing that could still be found matters: all are, or a link is lost and every base is found.
  bool isDecided() const noexcept { return left_ == 0 || (lost_ && basesLeft_ == 0); }
  bool crowded() const noexcept { return crowded_; }
  bool hasLost() const noexcept { return lost_; }
  struct Lost {
    ObjectId id;
    std::uint32_t from = 0;
  };
  /// A link that was not found, the commits first; when crowded, just any id.
  std::optional<Lost> lostLink() const;
  /// Of what was found, or came in the pack.
  const std::optional<WrongType>& wrongType() const noexcept { return wrongType_; }

 private:
  struct Entry {
    std::uint32_t from;
    std::uint8_t roles;
    std::uint8_t type;  // 0: any
    bool found;
  };
  bool mayBeCommit(const Entry& entry) const noexcept;
  ObjectId idOf(std::uint32_t number) const noexcept { return {format_, ids_.id(number)}; }
  void count(const Entry& entry, std::int64_t change) noexcept;

  ObjectFormat format_;
  IdTable ids_;
  std::vector<Entry> entries_;
  std::shared_ptr<const PackSnapshot> snapshot_;  // shared with the database; none: no bits
  BitSet many_;
  BitSet manyNotFound_;
  std::uint64_t manyLeft_ = 0;
  std::uint64_t left_ = 0;
  std::uint64_t commitsLeft_ = 0;
  std::uint64_t basesLeft_ = 0;
  bool crowded_ = false;
  bool lost_ = false;
  std::optional<WrongType> wrongType_;
};

}  // namespace git::detail
