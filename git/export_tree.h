// A tree object as files in a folder.
#pragma once

#include <cstdint>
#include <filesystem>
#include <stop_token>
#include <string>
#include <vector>

#include "git/object_source.h"

namespace git {

struct ExportOptions {
  std::uint64_t maxFiles = 200'000;  ///< setting export_max_files; folders count
  std::uint64_t maxBytes =
      2ull << 30;  ///< setting export_max_bytes: counted over the expanded tree before anything is written
  std::uint64_t maxDepth = 128;  ///< setting export_max_depth
  std::stop_token stop{};
};

/// A folder that another repository's commit fills.
struct Gitlink {
  std::string path;
  ObjectId commit;
};

struct ExportStats {
  std::uint64_t files = 0;
  std::uint64_t bytes = 0;
  std::vector<Gitlink> submodules;  ///< left as empty folders
  std::uint64_t lfsPointers = 0;    ///< files that stand for content in Git LFS, which is not here
};

/// Writes the tree below the existing empty `folder`: files 0644 or 0755, folders 0755, symlinks verbatim and
/// never followed, no ".git" in any spelling. Throws invalidArgument naming the setting for a limit, corrupt
/// for a missing or malformed object, cancelled.
ExportStats exportTree(const ObjectSource& objects, const ObjectId& tree, const std::filesystem::path& folder,
                       const ExportOptions& options);

}  // namespace git
