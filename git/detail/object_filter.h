// Which objects a partial clone leaves out. (git-rev-list, --filter.)
#pragma once

#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <vector>

#include "git/object_id.h"

namespace git::detail {

/// All conditions at once; the default one lets everything through. A value.
struct ObjectFilter {
  static constexpr std::uint64_t kNoLimit = std::numeric_limits<std::uint64_t>::max();

  std::uint64_t blobLimit = kNoLimit;  ///< blobs of this many bytes and more stay out; 0 is blob:none
  std::uint64_t treeDepth = kNoLimit;  ///< trees and blobs this deep and deeper stay out
  std::vector<ObjectType> types;       ///< all of them must be an object's type
  std::vector<std::string> names;      ///< "blob:none", "tree" ... of all parts, as settings name them

  bool any() const noexcept { return blobLimit != kNoLimit || treeDepth != kNoLimit || !types.empty(); }
  bool takes(ObjectType type) const noexcept;
};

/// Throws invalidArgument with git's words for what is none, and for sparse filters, which a server should
/// not be asked to compute.
ObjectFilter parseObjectFilter(std::string_view text);

}  // namespace git::detail
