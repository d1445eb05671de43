#include "base/detail/remove_at.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/tree_cursor.h"

namespace base::detail {
namespace {

constexpr mode_t kOwnerAll = S_IRWXU;

/// Lets us empty a folder that its owner made unwritable. Only an owner needs that (root may anyway), and
/// only an owner can do it.
void makeWritable(const Fd& parent, const std::string& name) {
  const Fd folder = openAt(parent, name, O_PATH | O_DIRECTORY | O_NOFOLLOW);
  // fchmod refuses O_PATH descriptors; the link in /proc leads to this very folder.
  ::chmod(("/proc/self/fd/" + std::to_string(folder.get())).c_str(), kOwnerAll);
}

/// One folder on the way down: its name in its parent, what is still to be looked at in it, last first.
struct Level {
  std::string name;
  std::vector<std::string> rest;
};

bool isFolder(const Fd& parent, const std::string& name, dev_t device) {
  struct stat info {};
  if (::fstatat(parent.get(), name.c_str(), &info, AT_SYMLINK_NOFOLLOW) != 0) {
    if (errno == ENOENT) return false;
    throwErrno(errno, "removing a tree");
  }
  if (!S_ISDIR(info.st_mode)) return false;
  if (info.st_dev != device) throw Error(Errc::io, "removing a tree: another file system is mounted in it");
  if ((info.st_mode & kOwnerAll) != kOwnerAll) makeWritable(parent, name);
  return true;
}

void removeOne(const Fd& parent, const std::string& name, int flags) {
  if (::unlinkat(parent.get(), name.c_str(), flags) != 0 && errno != ENOENT)
    throwErrno(errno, "removing a tree");
}

/// Removes what is below the cursor's folder.
void emptyFolder(TreeCursor cursor) {
  std::vector<Level> levels;
  levels.push_back({"", listNames(cursor.folder())});
  for (;;) {
    Level& level = levels.back();
    if (!level.rest.empty()) {
      std::string name = std::move(level.rest.back());
      level.rest.pop_back();
      if (isFolder(cursor.folder(), name, cursor.device())) {
        cursor.enter(name);
        levels.push_back({std::move(name), listNames(cursor.folder())});
      } else {
        removeOne(cursor.folder(), name, 0);
      }
      continue;
    }
    if (levels.size() == 1) return;
    cursor.leave();
    removeOne(cursor.folder(), level.name, AT_REMOVEDIR);
    levels.pop_back();
  }
}

}  // namespace

void removeAt(const Fd& folder, const std::string& name) {
  struct stat info {};
  if (::fstatat(folder.get(), name.c_str(), &info, AT_SYMLINK_NOFOLLOW) != 0) {
    if (errno == ENOENT) return;
    throwErrno(errno, "removing a tree");
  }
  if (!isFolder(folder, name, info.st_dev)) return removeOne(folder, name, 0);
  emptyFolder(TreeCursor(openAt(folder, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW)));
  removeOne(folder, name, AT_REMOVEDIR);
}

}  // namespace base::detail
