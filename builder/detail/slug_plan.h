// Which files of a built tree go into which layer of its slug.
#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include "base/tree_list.h"

namespace builder::detail {

struct SlugPlanOptions {
  /// A folder that weighs less (content and 512 bytes for each entry) gets no layer of its own, a smaller
  /// file is not a large one.
  std::uint64_t minLayerBytes = 256 << 10;
  std::size_t maxLayers = 10;
};

/// One layer: its entries with the folders above them, sorted.
struct SlugPart {
  std::string name;  ///< for people: ".heroku/node", "dependencies"; "app" for the last
  std::vector<base::TreeEntry> entries;
};

/// Parts that share nothing but folders, from what changes least to the rest of the tree, which is always
/// there and last. What a build made is kept apart from what was pushed (`sourceFolders`, the folders of the
/// commit's tree): a folder of each weight that the build made is a layer, heavy package folders inside it
/// (node_modules, what pip installed) are one of their own, and so are heavy folders of the source; when
/// there are more than fit, the lighter ones of a kind share one. Heavy files that are left share one.
/// Depends on nothing but the arguments: the same tree gives the same layers on any machine. `entries` as
/// listTree gives them.
std::vector<SlugPart> planSlug(const std::vector<base::TreeEntry>& entries,
                               const std::set<std::string>& sourceFolders,
                               const SlugPlanOptions& options = {});

}  // namespace builder::detail
