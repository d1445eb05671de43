#include "sandbox/detail/tree_owners.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <string>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/strings.h"
#include "base/tree_cursor.h"

namespace sandbox {
namespace {

using base::Errc;
using base::Error;

constexpr const char* kDoing = "giving files to another user";

}  // namespace

void TreeOwners::changeOne(int folder, const char* name, Owner owner) const {
  const base::Fd held(::openat(folder, name, O_PATH | O_NOFOLLOW | O_CLOEXEC));
  struct stat info {};
  if (!held.valid() || ::fstat(held.get(), &info) != 0) {
    if (errno == ENOENT) throw Error(Errc::notFound, base::printable(name, 300) + " is not there");
    base::throwErrno(errno, kDoing);
  }
  if (info.st_uid == owner.uid && info.st_gid == owner.gid) return;
  const bool isContainers = info.st_uid - parties_.containers < kContainerIds;
  if (info.st_uid != parties_.caller && !isContainers)
    throw Error(Errc::permissionDenied,
                base::printable(name, 300) + " belongs to the host's user " + std::to_string(info.st_uid));
  if (::fchownat(held.get(), "", owner.uid, owner.gid, AT_EMPTY_PATH) != 0) base::throwErrno(errno, kDoing);
}

void TreeOwners::change(const std::filesystem::path& path, Owner owner, ForeignTrees::Depth depth) const {
  struct stat info {};
  if (::lstat(path.c_str(), &info) == 0 && S_ISLNK(info.st_mode))
    throw Error(Errc::permissionDenied, base::printable(path.string(), 300) + " is a symlink");
  changeOne(AT_FDCWD, path.c_str(), owner);
  if (depth == ForeignTrees::Depth::itself || !S_ISDIR(info.st_mode)) return;
  base::TreeCursor cursor(base::openFile(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW));
  std::vector<std::vector<base::FolderEntry>> levels;
  levels.push_back(base::listFolder(cursor.folder()));
  for (;;) {
    auto& entries = levels.back();
    if (entries.empty()) {
      levels.pop_back();
      if (levels.empty()) return;
      cursor.leave();
      continue;
    }
    const base::FolderEntry entry = std::move(entries.back());
    entries.pop_back();
    changeOne(cursor.folder().get(), entry.name.c_str(), owner);
    if (entry.type != base::FolderEntry::Type::folder) continue;
    cursor.enter(entry.name);
    levels.push_back(base::listFolder(cursor.folder()));
  }
}

}  // namespace sandbox
