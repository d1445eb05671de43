// Makes files below a folder from names that strangers chose.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/fd.h"

namespace base::detail {

struct TreeBuilderOptions {
  /// Of symlinks on the way to an entry: `refuse` throws invalidArgument.
  enum class Links { follow, refuse };
  bool keepOwners = true;
  std::uint32_t ownerShift = 0;
  bool whiteouts = false;
  std::function<void(const Fd& folder)> markOpaque = {};
  std::uint32_t ids = UINT32_MAX;
  Links links = Links::follow;
};

/// What an entry says beside its name and content.
struct EntryMeta {
  mode_t mode = 0;
  std::int64_t uid = 0;
  std::int64_t gid = 0;
};

/// Builds a tree below a folder. Paths are resolved one component at a time by descriptors, as if the folder
/// were the root of the file system: an absolute symlink counts from the folder, ".." in a symlink stops at
/// it, and nothing outside can be reached. ".." in a path itself is refused. Missing parents are made (0755).
/// What is in an entry's place is replaced, but a folder by a folder is kept. One thread at a time. Throws
/// invalidArgument for a bad name, else what the system calls say.
class TreeBuilder {
 public:
  TreeBuilder(Fd root, TreeBuilderOptions options);

  void folder(std::string_view path, const EntryMeta& meta);
  /// An empty file, open for writing; finishFile() when it is written.
  Fd file(std::string_view path);
  /// Owner and mode, in the order that keeps setuid bits.
  void finishFile(const Fd& file, const EntryMeta& meta);
  void symlink(std::string_view path, const std::string& target, const EntryMeta& meta);
  /// False when there is no such target.
  bool hardLink(std::string_view path, std::string_view target);
  /// A device node or fifo, as the mode's type says.
  void device(std::string_view path, dev_t number, const EntryMeta& meta);
  /// An overlayfs whiteout in place of `name` in `parent`. What this tree already has there stays, and hides
  /// what is below it if it is a folder.
  void whiteout(std::string_view parent, const std::string& name);
  /// Marks a folder as hiding what lower layers have in it.
  void opaque(std::string_view path);
  /// Gives folders that their owner may not write to the mode that was kept back while they were filled. Call
  /// last.
  void finish();

 private:
  using FolderRef = std::shared_ptr<const Fd>;  // owned by lastParent_ and by the calls that use it
  struct Place {
    FolderRef parent;
    std::string name;
  };
  enum class Missing { make, fail };

  Place locate(const std::vector<std::string>& components, Missing missing);
  FolderRef parentOf(const std::vector<std::string>& components, Missing missing);
  FolderRef walk(const std::vector<std::string>& components, Missing missing);
  FolderRef tryOpen(const std::vector<std::string>& names) const;  // follows nothing, makes nothing
  void makeFolder(const Fd& parent, const std::string& name);
  void replace(const Place& place);
  void hideLower(const Fd& folder) const;
  uid_t ownerOf(std::int64_t id) const;
  void applyOwner(const Fd& fd, const EntryMeta& meta) const;
  void applyOwnerAt(const Place& place, const EntryMeta& meta) const;
  mode_t kept(mode_t mode) const noexcept;

  FolderRef root_;
  TreeBuilderOptions options_;
  std::string lastParentPath_;  // cleared whenever a folder or symlink may have gone
  FolderRef lastParent_;
  std::map<std::string, mode_t> keptBack_;
};

/// The components of an entry's name: without "." and empty ones, thus without leading slashes. Throws
/// invalidArgument for "..".
std::vector<std::string> entryComponents(std::string_view path);

}  // namespace base::detail
