#include "sandbox/detail/tree_owners.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <cerrno>
#include <string>
#include <utility>

#include "base/error.h"
#include "base/strings.h"
#include "base/tree_walk.h"
#include "sandbox/detail/oci_bundle.h"

namespace sandbox {
namespace {

using base::Errc;
using base::Error;

constexpr const char* kDoing = "giving files to another user";

/// Without the way there, which may be a descriptor's name.
std::string shown(const std::filesystem::path& path) {
  return base::printable(path.filename().string(), 300);
}

struct stat statOf(const base::Fd& fd) {
  struct stat info {};
  if (::fstat(fd.get(), &info) != 0) base::throwErrno(errno, kDoing);
  return info;
}

}  // namespace

/// O_PATH, once it is known to be of one of the two.
base::Fd TreeOwners::hold(int folder, const char* name) const {
  base::Fd held(::openat(folder, name, O_PATH | O_NOFOLLOW | O_CLOEXEC));
  if (!held.valid() && errno == ENOENT) throw Error(Errc::notFound, shown(name) + " is not there");
  const struct stat info = statOf(held);
  if (info.st_uid != parties_.caller && info.st_uid - parties_.containers >= kUserNamespaceSize)
    throw Error(Errc::permissionDenied,
                shown(name) + " belongs to the host's user " + std::to_string(info.st_uid));
  return held;
}

void TreeOwners::changeOne(int folder, const char* name, Owner owner) const {
  const base::Fd held = hold(folder, name);
  const struct stat info = statOf(held);
  if (info.st_uid == owner.uid && info.st_gid == owner.gid) return;
  if (::fchownat(held.get(), "", owner.uid, owner.gid, AT_EMPTY_PATH) != 0) base::throwErrno(errno, kDoing);
}

void TreeOwners::check(const std::filesystem::path& path) const {
  hold(AT_FDCWD, path.c_str());
}

void TreeOwners::changeTerminal(const base::Fd& terminal, Owner owner) const {
  constexpr unsigned kFirstMajor = 136;  // of Unix98 pseudoterminals' program ends (Linux, devices.txt)
  constexpr unsigned kLastMajor = 143;
  const struct stat info = statOf(terminal);
  const unsigned number = ::major(info.st_rdev);
  const bool isTerminal = S_ISCHR(info.st_mode) && number >= kFirstMajor && number <= kLastMajor;
  if (!isTerminal || info.st_uid != parties_.caller)
    throw Error(Errc::permissionDenied, "what was given is no terminal of the daemon's");
  if (::fchown(terminal.get(), owner.uid, static_cast<gid_t>(-1)) != 0)
    base::throwErrno(errno, "giving a terminal to a container");
}

void TreeOwners::change(const std::filesystem::path& path, Owner owner, ForeignTrees::Depth depth) const {
  struct stat info {};
  if (::lstat(path.c_str(), &info) == 0 && S_ISLNK(info.st_mode))
    throw Error(Errc::permissionDenied, shown(path) + " is a symlink");
  changeOne(AT_FDCWD, path.c_str(), owner);
  if (depth == ForeignTrees::Depth::itself || !S_ISDIR(info.st_mode)) return;
  base::TreeCursor cursor(base::openFile(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW));
  const auto changeLevel = [&](const std::string& below) {
    base::TreeLevel level{below, {}};
    for (base::FolderEntry& entry : base::listFolder(cursor.folder())) {
      changeOne(cursor.folder().get(), entry.name.c_str(), owner);
      if (entry.type == base::FolderEntry::Type::folder) level.folders.push_back(std::move(entry.name));
    }
    return level;
  };
  base::walkTree(cursor, changeLevel, [] { return false; });
}

}  // namespace sandbox
