// What a tree object may hold. (git fsck's message ids; CVE-2014-9390, CVE-2018-11235, CVE-2019-1353.)
#pragma once

#include <git2/oid.h>

#include <optional>
#include <string>
#include <string_view>

namespace gitd::detail {

enum class EntryKind { file, executable, symlink, folder, gitlink };

struct TreeEntry {
  EntryKind kind = EntryKind::file;
  std::string_view name;  ///< into the tree's bytes
  git_oid id{};
};

/// Walks a tree's bytes without trust in them. One thread at a time.
class TreeReader {
 public:
  explicit TreeReader(std::string_view bytes) : rest_(bytes) {}
  /// The next entry; nullopt at the end and when the bytes are no tree: then malformed() is true.
  std::optional<TreeEntry> next();
  bool malformed() const noexcept { return malformed_; }

 private:
  std::optional<TreeEntry> fail() {
    malformed_ = true;
    return std::nullopt;
  }
  std::string_view rest_;
  bool malformed_ = false;
};

/// True for ".git" in every spelling that HFS+ or NTFS take for it: case, ignorable code points, trailing
/// dots and blanks, streams, "git~1".
bool isDotGit(std::string_view name);

/// The fsck id of the worst thing wrong with a tree ("hasDotgit", "duplicateEntries", ...) or an empty
/// string. Old histories' harmless oddities (zeroPaddedFilemode) pass.
std::string checkTree(std::string_view bytes);

}  // namespace gitd::detail
