// What a build folder holds, if it can become a slug.
#pragma once

#include <stop_token>
#include <variant>
#include <vector>

#include "base/tree_list.h"
#include "builder/builder.h"
#include "builder/detail/lent_tree.h"
#include "builder/detail/phase.h"

namespace builder::detail {

/// The folder's entries with their content, but .git at its top. Or why it may not be packed: too large (a
/// hole in a file is read like any other part of it, so what is too large is not read), too many entries, a
/// path that nobody could unpack.
std::variant<std::vector<base::TreeEntry>, BuildStop> readSlugTree(LentTree& tree, const BuildLimits& limits,
                                                                   const std::stop_token& stop);

}  // namespace builder::detail
