// Branches that are checked out somewhere, and bringing a work tree up to what was pushed.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "git/object_id.h"
#include "git/repository.h"
#include "git/wire.h"

namespace git::detail {

struct CheckedOut {
  std::string branch;
  std::filesystem::path folder;  ///< of the work tree; empty for a bare repository
  std::filesystem::path gitDir;
};

/// The branch of the repository itself and those of its linked work trees. (git-worktree.)
std::vector<CheckedOut> checkedOutBranches(const Repository& repository);

struct WorkTreePlace {
  std::filesystem::path folder;
  std::filesystem::path gitDir;
};

/// Brings a clean work tree to `commit` with the git programs of this machine, before its branch moves. Says
/// why not: there are changes in it, or git is not there.
std::optional<std::string> checkOutCommit(const WorkTreePlace& place, const ObjectId& commit, bool born,
                                          Wire& wire);

/// git update-server-info. (receive.updateServerInfo.)
void updateServerInfo(const Repository& repository);

}  // namespace git::detail
