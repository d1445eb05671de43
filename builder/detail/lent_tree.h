// Trees that this process reads and that others have made.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/tree_list.h"
#include "sandbox/foreign_trees.h"

namespace builder::detail {

/// A tree below a folder, as a build or a stranger's archive has left it: nobody else uses it any more. What
/// in it is closed to this process (umask 077, mode 0) is opened when a reading meets it, and not before:
/// next to no tree has such. One thread at a time.
class LentTree {
 public:
  LentTree(std::filesystem::path folder, sandbox::ForeignTrees& trees)
      : folder_(std::move(folder)), trees_(trees) {}

  const std::filesystem::path& folder() const noexcept { return folder_; }

  /// What `read` gives. It is called once more when it throws permissionDenied, with all of the tree open.
  template <typename Read>
  auto read(Read read) {
    try {
      return read();
    } catch (const base::Error& failure) {
      if (failure.code() != base::Errc::permissionDenied) throw;
    }
    open();
    return read();
  }
  /// The modes that the entries, which were listed here, had before the tree was opened.
  void restoreModes(std::vector<base::TreeEntry>& entries) const;

 private:
  void open();

  const std::filesystem::path folder_;
  sandbox::ForeignTrees& trees_;
  std::map<std::string, unsigned> modes_;  // rwx bits of what was opened, by relative path
};

/// The folder is this process's from now on, which may move it elsewhere: what was lent to a container's user
/// can only be renamed where it is. What lies in it stays whose it is. Throws notFound, io.
void takeForMoving(sandbox::ForeignTrees& trees, const std::filesystem::path& folder);

}  // namespace builder::detail
