// Looks for what new trees keep of old ones beside the commits before them.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "git/detail/commit_text.h"
#include "git/detail/id_table.h"
#include "git/detail/outside_objects.h"
#include "git/detail/reach_walk.h"
#include "git/object_database.h"

namespace git::detail {

/// Reads each new commit's tree beside those of its parents, folder by folder, where they differ: what a
/// parent that the pusher can read has there is told to `wanted`. Then the old folders that are gone, from
/// which files may have moved. So what an ordinary push keeps is found by reading the folders that it
/// changes. Work: no more than a few trees for each that is new; what is left then needs a ReachWalk. One
/// thread at a time.
class BesideWalk {
 public:
  struct Parts {
    const ObjectDatabase& fresh;                         ///< the pack's objects
    const ObjectDatabase& existing;                      ///< the repository's
    const std::function<bool(const ObjectId&)>& brings;  ///< whether the pack does
    OutsideObjects& wanted;                              ///< parents that can be read are found already
    const WalkWatch& watch;
  };
  /// `objects`: how many are new.
  BesideWalk(const Parts& parts, std::uint64_t objects);
  /// Commits after their parents, as far as that is so.
  void run(const std::vector<ObjectId>& commits);

 private:
  struct OldTree {
    ObjectId id;
    bool isNew = false;  ///< it came in the pack, too: nothing is said about what is in it
  };
  struct Visit {
    ObjectId tree;
    std::vector<OldTree> olds;
  };
  struct Folder {
    std::string_view name;
    const std::uint8_t* id = nullptr;
  };
  using Tree = std::shared_ptr<const Object>;
  std::optional<CommitText> readCommit(const ObjectDatabase& from, const ObjectId& id) const;
  std::optional<OldTree> treeOfParent(const ObjectId& parent);
  void compare(const ObjectId& tree, std::vector<OldTree> olds);
  void compareFolders(const Visit& visit, std::vector<Visit>& pending);
  Tree readTree(const ObjectId& id, bool isNew);
  std::vector<Folder> foldersOf(const Object& tree) const;
  /// nullopt when nothing can be learned from it.
  std::optional<OldTree> asOld(const OldTree& within, const std::uint8_t* id) const;
  bool isFirst(const ObjectId& tree, const OldTree& old);
  void tellAll(const Object& tree);
  void searchGone();
  ObjectFormat format() const noexcept { return parts_.existing.format(); }
  bool done() const noexcept { return parts_.wanted.isDecided() || reads_ >= maxReads_; }

  Parts parts_;
  std::uint64_t maxReads_;
  std::uint64_t reads_ = 0;
  IdTable compared_;  // pairs of trees, mixed
  IdTable gone_;
};

}  // namespace git::detail
