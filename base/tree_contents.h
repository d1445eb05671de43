// What lies below a folder and what it says: listed and hashed in one walk.
#pragma once

#include <cstdint>
#include <filesystem>
#include <set>
#include <stop_token>
#include <string>
#include <vector>

#include "base/digest.h"
#include "base/tree_list.h"

namespace base {

struct TreeContentsLimits {
  std::uint64_t maxEntries = UINT64_MAX;       ///< of any kind
  std::uint64_t maxContentBytes = UINT64_MAX;  ///< lengths of the files: holes count
  std::uint64_t maxPathBytes = 4095;           ///< at most that: more, others cannot unpack
  std::stop_token stop{};
};

struct TreeContents {
  /// Why the walk ended. But for `whole` there are no entries.
  enum class End { whole, tooManyEntries, tooManyBytes, pathTooLong, stopped } end = End::whole;
  std::uint64_t beyond = 0;          ///< what went over the limit came to so much, and may come to more
  std::vector<TreeEntry> entries{};  ///< as listTree() gives them, with their content
};

/// listTree() with the content of all entries, read on `threads` threads (0 = number of cores) while the walk
/// goes on. Throws io, also when the tree changes meanwhile.
TreeContents readTree(const std::filesystem::path& folder, const std::set<std::string>& exclude,
                      const TreeContentsLimits& limits = {}, unsigned threads = 0);

/// One digest over the entries' paths, kinds, modes and content. Equal for equal trees only.
Digest digestOf(const std::vector<TreeEntry>& entries);

}  // namespace base
