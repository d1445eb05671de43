// What a push may lean on: only what its pusher can read.
#pragma once

#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "git/detail/outside_objects.h"
#include "git/detail/reach_walk.h"
#include "git/detail/unpack_time.h"
#include "git/object_database.h"
#include "git/pack_receiver.h"
#include "git/receive_pack.h"

namespace git::detail {

/// Decides about one push. What its pusher can read is what refs lead to that are not hidden, as they were
/// advertised and as they are now, and what was advertised besides (".have"). An object that the repository
/// holds and none of these leads to is as good as not there: nobody can get it by naming it. An ordinary push
/// costs what it changes, a file from older history a walk to it, a refusal a walk through everything, within
/// the limit of unpackSeconds. One thread at a time.
class PushReach {
 public:
  struct Parts {
    const RefStore& refs;
    const ReceiveSettings& settings;
    const std::vector<ObjectId>& advertised;
    const ObjectDatabase& existing;  ///< without the quarantine
    std::stop_token stop;
  };
  explicit PushReach(const Parts& parts);

  /// See PackReceiverOptions.
  bool mayUse(OutsideObjects& bases);

  struct Push {
    PackReceiver& pack;
    const Quarantine& quarantine;
    std::vector<ObjectId> tips;            ///< that refs shall say
    const std::vector<ObjectId>& shallow;  ///< commits whose parents may be lacking
  };
  /// Looks for everything. Throws invalidArgument when a delta's base cannot be read, for a link to an object
  /// of another type, over the time limit; cancelled.
  void check(const Push& push);
  /// After check(): of a tip, or a parent of a shallow commit. It came, or can be read.
  bool isThere(const ObjectId& id) const;
  /// After check(): a sentence about a link that leads nowhere.
  std::optional<std::string> missing() const;

 private:
  void addSpares(const Push& push, const ObjectDatabase& fresh);
  void search(const Push& push, const ObjectDatabase& fresh);
  void searchAll(ReachWalk& walk);
  void findRoots();
  ReachWalk makeWalk(OutsideObjects& wanted);
  void watch();

  Parts parts_;
  UnpackTime time_;
  std::optional<UnpackTime::Spell> spell_;  // while it searches
  WalkWatch watch_;
  std::vector<ObjectId> roots_;
  std::unordered_set<ObjectId> shallow_;  // the repository's own
  bool rootsKnown_ = false;
  const PackReceiver* pack_ = nullptr;
  std::optional<OutsideObjects> outside_;
};

}  // namespace git::detail
