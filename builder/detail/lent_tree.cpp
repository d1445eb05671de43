#include "builder/detail/lent_tree.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <cerrno>

#include "base/fd.h"
#include "base/tree_walk.h"

namespace builder::detail {
namespace {

namespace fs = std::filesystem;
using Depth = sandbox::ForeignTrees::Depth;

constexpr const char* kDoing = "opening a tree that is closed to others";
constexpr mode_t kRights = 0777;

/// Opens all below a folder to its owner, who this process is.
class Opening {
 public:
  Opening(base::Fd root, std::map<std::string, unsigned>& modes) : cursor_(std::move(root)), modes_(modes) {}

  void run() {
    base::walkTree(
        cursor_, [this](const std::string& path) { return openLevel(path); }, [] { return false; });
  }

 private:
  base::TreeLevel openLevel(const std::string& path) {
    base::TreeLevel level{path, {}};
    for (base::FolderEntry& entry : base::listFolder(cursor_.folder())) {
      if (entry.type == base::FolderEntry::Type::file) open(entry.name, path + entry.name, S_IRUSR);
      if (entry.type != base::FolderEntry::Type::folder) continue;
      open(entry.name, path + entry.name, S_IRUSR | S_IXUSR);
      level.folders.push_back(std::move(entry.name));
    }
    return level;
  }

  void open(const std::string& name, const std::string& path, mode_t needed) {
    const int folder = cursor_.folder().get();
    struct stat info {};
    if (::fstatat(folder, name.c_str(), &info, AT_SYMLINK_NOFOLLOW) != 0) base::throwErrno(errno, kDoing);
    if ((info.st_mode & needed) == needed) return;
    modes_.emplace(path, info.st_mode & kRights);
    // Nobody else is there who could put a link in its place.
    if (::fchmodat(folder, name.c_str(), (info.st_mode & kRights) | needed, 0) != 0)
      base::throwErrno(errno, kDoing);
  }

  base::TreeCursor cursor_;
  std::map<std::string, unsigned>& modes_;
};

/// In a folder of this process's own, where nobody else renames.
void allowOwner(const fs::path& folder) {
  fs::permissions(folder, fs::perms::owner_all, fs::perm_options::add);
}

}  // namespace

void LentTree::open() {
  trees_.takeBack(folder_, Depth::whole);
  allowOwner(folder_);
  Opening(base::openFile(folder_, O_RDONLY | O_DIRECTORY | O_NOFOLLOW), modes_).run();
}

void LentTree::restoreModes(std::vector<base::TreeEntry>& entries) const {
  if (modes_.empty()) return;
  for (base::TreeEntry& entry : entries)
    if (const auto known = modes_.find(entry.path); known != modes_.end()) entry.mode = known->second;
}

void takeForMoving(sandbox::ForeignTrees& trees, const fs::path& folder) {
  trees.takeBack(folder, Depth::itself);
  allowOwner(folder);
}

}  // namespace builder::detail
