// What lies below a folder, in the order in which our archives hold it.
#pragma once

#include <cstdint>
#include <filesystem>
#include <set>
#include <string>
#include <vector>

#include "base/digest_content.h"
#include "base/fd.h"

namespace base {

/// One file, folder or symlink. `path` is relative to the listed folder, without a final slash.
struct TreeEntry {
  enum class Kind { file, folder, symlink };
  std::string path;
  Kind kind = Kind::file;
  unsigned mode = 0;            ///< rwx bits only; 0777 for a symlink
  std::uint64_t sizeBytes = 0;  ///< a file's length as it is read: holes count
  ContentDigest content{};      ///< by readTree(): of a file's bytes or a symlink's target, else zeros
};

/// Everything below `folder` but sockets, fifos and devices, and but the relative paths in `exclude` with
/// what is below them. Sorted by the bytes of the path, so a folder stands before what is in it. Never
/// follows a symlink. Throws io, invalidArgument for a path of more than 4095 bytes.
std::vector<TreeEntry> listTree(const std::filesystem::path& folder,
                                const std::set<std::string>& exclude = {});

/// A symlink's target, read below an open folder without following links on the way; throws io.
std::string readLinkBelow(const Fd& root, const std::string& path);

}  // namespace base
