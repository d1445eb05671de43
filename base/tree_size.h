// What a tree of files takes.
#pragma once

#include <cstdint>
#include <filesystem>
#include <stop_token>

namespace base {

struct TreeSize {
  std::uint64_t entries = 0;       ///< the folder itself not counted
  std::uint64_t contentBytes = 0;  ///< lengths of the files: holes and every name of a hard link count
  std::uint64_t diskBytes = 0;     ///< allocated: holes count nothing, a hard link's file once
  std::uint64_t longestPath = 0;   ///< bytes, relative to the folder
};

struct TreeSizeLimits {
  std::uint64_t maxEntries = UINT64_MAX;  ///< beyond these nothing is looked at
  std::stop_token stop;                   ///< ends the walk early
};

/// Walks the tree without following symlinks; any depth, one descriptor. What vanishes meanwhile is not
/// counted; throws io when a folder is moved elsewhere meanwhile. About 1 us an entry.
TreeSize measureTree(const std::filesystem::path& folder, const TreeSizeLimits& limits = {});

}  // namespace base
