// Looks for objects among all that some refs lead to.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <stop_token>
#include <unordered_set>
#include <vector>

#include "git/detail/commit_text.h"
#include "git/detail/link_table.h"
#include "git/detail/outside_objects.h"
#include "git/detail/pack_plan.h"
#include "git/object_database.h"

namespace git::detail {

/// What is asked now and then on a long walk: throws what ends it.
using WalkWatch = std::function<void()>;

/// Goes from roots to commits, the newest first, and to their trees, and tells `wanted` what it meets, until
/// nothing is left to be found. What is missing or damaged leads nowhere. Memory: a bit for each packed
/// object and the commits between what was seen and what was not. One thread at a time.
class ReachWalk {
 public:
  struct Parts {
    const ObjectDatabase& objects;
    OutsideObjects& wanted;
    const std::vector<ObjectId>& roots;           ///< commits, tags, or anything
    const std::unordered_set<ObjectId>& shallow;  ///< commits whose parents are not there
    const WalkWatch& watch;
  };
  explicit ReachWalk(const Parts& parts);

  /// The roots by name only: nothing is read unless it is wanted.
  void findRoots();
  /// The roots, the tags on the way, and commits until all wanted ones are found.
  void findCommits();
  /// Everything.
  void findAll();

 private:
  struct Met {
    ObjectId id;
    CommitText text;
  };
  void start();
  void enterRoot(const ObjectId& root);
  void visitCommit(const ObjectId& id);
  Met popNewest();
  void walkTree(const ObjectId& root);
  bool add(const ObjectId& id) { return visited_->add(Located(*snapshot_, id)); }
  void found(const ObjectId& id, ObjectType type) { parts_.wanted.found(id.data(), type); }
  void look();

  Parts parts_;
  std::shared_ptr<const PackSnapshot> snapshot_;  // shared with the database
  std::optional<ObjectSet> visited_;
  std::vector<Met> queue_;             // a heap by date
  std::vector<ObjectId> trees_;        // that are roots
  std::optional<RecentLinks> recent_;  // folders that were visited
  std::uint64_t steps_ = 0;
};

}  // namespace git::detail
