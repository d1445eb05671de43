// A walk over folders that no link can lead astray.
#pragma once

#include <sys/types.h>

#include <string>
#include <utility>
#include <vector>

#include "base/fd.h"

namespace base {

/// Stands in one folder of a tree and moves one step at a time, by descriptors instead of path strings: it
/// follows no symlink and any depth works with one open descriptor. One thread at a time. Throws Error, io
/// when the tree changes below its feet.
class TreeCursor {
 public:
  explicit TreeCursor(Fd root);

  /// The folder that the cursor stands in, opened for reading.
  const Fd& folder() const noexcept { return folder_; }
  /// The device that the folder is on.
  dev_t device() const noexcept { return identities_.back().first; }
  /// Steps down into a folder.
  void enter(const std::string& name);
  /// The same; false when it is gone, or no folder any more.
  bool tryEnter(const std::string& name);
  /// Steps back up. Not above the root.
  void leave();

 private:
  Fd folder_;
  std::vector<std::pair<dev_t, ino_t>> identities_;  // of the root, ..., of folder_
};

struct FolderEntry {
  enum class Type { file, folder, symlink, other };
  std::string name;
  Type type = Type::other;
};

/// What is in a folder, without "." and "..", in the file system's order.
std::vector<FolderEntry> listFolder(const Fd& folder);
/// The names in a folder, without "." and "..", in the file system's order.
std::vector<std::string> listNames(const Fd& folder);

}  // namespace base
