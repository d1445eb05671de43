// The order in which a tree is walked.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "base/tree_cursor.h"

namespace base {

/// A folder on the way, with those in it that are still to be visited.
struct TreeLevel {
  std::string path;  ///< relative to the root, "" or with a final slash
  std::vector<std::string> folders;
};

/// Visits the cursor's folder and all below it, each once and before what is in it; any depth. `list(path)`
/// gives the level of the folder that the cursor stands in; `ended()` ends the walk early.
template <typename List, typename Ended>
void walkTree(TreeCursor& cursor, const List& list, const Ended& ended) {
  std::vector<TreeLevel> levels;
  levels.push_back(list(""));
  while (!levels.empty() && !ended()) {
    TreeLevel& level = levels.back();
    if (level.folders.empty()) {
      levels.pop_back();
      if (!levels.empty()) cursor.leave();
      continue;
    }
    const std::string name = std::move(level.folders.back());
    level.folders.pop_back();
    cursor.enter(name);
    levels.push_back(list(level.path + name + "/"));  // ends the use of level
  }
}

}  // namespace base
