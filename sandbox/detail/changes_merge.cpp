#include "sandbox/detail/changes_merge.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/digest.h"
#include "base/error.h"
#include "base/fd.h"
#include "base/overlay_xattr.h"
#include "base/tree_cursor.h"

namespace sandbox {
namespace {

using base::Fd;

constexpr const char* kDoing = "keeping what a container has changed";

std::optional<struct stat> statAt(const Fd& folder, const std::string& name) {
  struct stat info {};
  if (::fstatat(folder.get(), name.c_str(), &info, AT_SYMLINK_NOFOLLOW) == 0) return info;
  if (errno == ENOENT) return std::nullopt;
  base::throwErrno(errno, kDoing);
}

bool isFolder(const std::optional<struct stat>& info) {
  return info && S_ISDIR(info->st_mode);
}

/// Stands for something of the lower folder that was removed.
bool isWhiteout(const struct stat& info) {
  return S_ISCHR(info.st_mode) && info.st_rdev == ::makedev(0, 0);
}

/// Nothing of the lower folder of its name is seen in it.
bool isOpaque(const Fd& parent, const std::string& name) {
  const Fd folder = base::openAt(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
  std::array<char, 2> value{};
  return ::fgetxattr(folder.get(), base::opaqueXattr(), value.data(), value.size()) == 1 && value[0] == 'y';
}

class Merge {
 public:
  Merge(Fd changes, Fd kept, Fd trash)
      : changes_(std::move(changes)), kept_(std::move(kept)), trash_(std::move(trash)) {}

  void run() {
    enterLevel("");
    while (true) {
      std::vector<std::string>& names = levels_.back().names;
      if (!names.empty()) {
        const std::string name = std::move(names.back());
        names.pop_back();
        mergeEntry(name);  // ends the use of names
        continue;
      }
      const Level level = std::move(levels_.back());
      levels_.pop_back();
      giveAttributes(level.info);
      if (levels_.empty()) return;
      changes_.leave();
      kept_.leave();
      if (::unlinkat(changes_.folder().get(), level.name.c_str(), AT_REMOVEDIR) != 0)
        base::throwErrno(errno, kDoing);
    }
  }

 private:
  /// A folder that is on both sides.
  struct Level {
    std::string name;
    std::vector<std::string> names;  // in changes, still to be looked at
    struct stat info;                // in changes, before anything was moved
  };

  void enterLevel(const std::string& name) {
    struct stat info {};
    if (::fstat(changes_.folder().get(), &info) != 0) base::throwErrno(errno, kDoing);
    levels_.push_back({name, base::listNames(changes_.folder()), info});
  }

  void mergeEntry(const std::string& name) {
    const auto mine = statAt(changes_.folder(), name);
    if (!mine) return;
    const auto old = statAt(kept_.folder(), name);
    if (isWhiteout(*mine)) {
      if (old) throwAway(name);
      if (::unlinkat(changes_.folder().get(), name.c_str(), 0) != 0) base::throwErrno(errno, kDoing);
      return;
    }
    if (isFolder(mine) && isFolder(old) && !isOpaque(changes_.folder(), name)) {
      changes_.enter(name);
      kept_.enter(name);
      enterLevel(name);
      return;
    }
    if (old && (isFolder(mine) || isFolder(old))) throwAway(name);
    if (::renameat(changes_.folder().get(), name.c_str(), kept_.folder().get(), name.c_str()) != 0)
      base::throwErrno(errno, kDoing);
  }

  void throwAway(const std::string& name) {
    constexpr std::size_t kNameBytes = 8;
    if (::renameat(kept_.folder().get(), name.c_str(), trash_.get(), base::randomHex(kNameBytes).c_str()) !=
        0)
      base::throwErrno(errno, kDoing);
  }

  void giveAttributes(const struct stat& info) {
    const int folder = kept_.folder().get();
    const std::array<timespec, 2> times = {info.st_atim, info.st_mtim};
    if (::fchown(folder, info.st_uid, info.st_gid) != 0 ||
        ::fchmod(folder, info.st_mode & static_cast<mode_t>(~S_IFMT)) != 0 ||
        ::futimens(folder, times.data()) != 0)
      base::throwErrno(errno, kDoing);
  }

  base::TreeCursor changes_;
  base::TreeCursor kept_;
  const Fd trash_;
  std::vector<Level> levels_;
};

}  // namespace

void mergeChanges(const std::filesystem::path& changes, const std::filesystem::path& kept,
                  const std::filesystem::path& trash) {
  constexpr int kFlags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW;
  Merge(base::openFile(changes, kFlags), base::openFile(kept, kFlags), base::openFile(trash, kFlags)).run();
  if (::rmdir(changes.c_str()) != 0) base::throwErrno(errno, kDoing);
}

}  // namespace sandbox
