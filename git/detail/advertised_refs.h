// The refs that a client may see.
#pragma once

#include <optional>
#include <string>
#include <unordered_set>
#include <vector>

#include "git/object_database.h"
#include "git/ref_store.h"
#include "git/upload_pack.h"

namespace git::detail {

struct ShownRef {
  std::string name;
  ObjectId id;
  std::optional<ObjectId> peeled;
  std::string target;  ///< of a symbolic ref
};

/// Refs as they were when this was made. HEAD comes first when it says something. Immutable.
class AdvertisedRefs {
 public:
  enum class Peel { no, yes };
  AdvertisedRefs(const RefStore& store, const ObjectDatabase& objects, const UploadPackSettings& settings,
                 Peel peel);

  const std::vector<ShownRef>& shown() const noexcept { return shown_; }
  /// The branch of a HEAD that has no commit yet.
  const std::optional<std::string>& unborn() const noexcept { return unborn_; }
  /// A shown ref says it; or a hidden one, where that is enough.
  bool isTip(const ObjectId& id) const { return tips_.contains(id); }
  const std::unordered_set<ObjectId>& tips() const noexcept { return tips_; }
  /// Annotated tags that are shown, with what they point to.
  std::vector<std::pair<ObjectId, ObjectId>> tags() const;

 private:
  std::vector<ShownRef> shown_;
  std::optional<std::string> unborn_;
  std::unordered_set<ObjectId> tips_;
};

/// Commits of which the repository lacks the parents. (gitrepository-layout, shallow.)
std::vector<ObjectId> readShallowBoundary(const Repository& repository);

}  // namespace git::detail
