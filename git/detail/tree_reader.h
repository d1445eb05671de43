// The entries of a tree object. (gitformat: tree objects.)
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "git/object_id.h"

namespace git::detail {

struct TreeEntry {
  std::uint32_t mode = 0;
  std::string_view name;             ///< into the tree's bytes
  const std::uint8_t* id = nullptr;  ///< into the tree's bytes
  bool zeroPadded = false;

  bool isFolder() const noexcept { return (mode & 0170000u) == 0040000u; }
  bool isSymlink() const noexcept { return (mode & 0170000u) == 0120000u; }
  bool isFile() const noexcept { return (mode & 0170000u) == 0100000u; }
  /// A commit of another repository; git takes every mode that is none of the others for one.
  bool isGitlink() const noexcept { return !isFolder() && !isSymlink() && !isFile(); }
};

/// Walks a tree's bytes without trust in them. One thread at a time.
class TreeReader {
 public:
  TreeReader(ObjectFormat format, std::string_view bytes) noexcept : rest_(bytes), idSize_(idSize(format)) {}
  /// The next entry; nullopt at the end and when the bytes are no tree: then malformed() is true.
  std::optional<TreeEntry> next() noexcept;
  bool malformed() const noexcept { return malformed_; }
  /// What malformed() was for: an entry without a name, as git does not tell apart.
  bool emptyName() const noexcept { return emptyName_; }

 private:
  std::optional<TreeEntry> fail() noexcept {
    malformed_ = true;
    return std::nullopt;
  }
  std::string_view rest_;
  std::size_t idSize_;
  bool malformed_ = false;
  bool emptyName_ = false;
};

}  // namespace git::detail
