#include "base/atomic_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <utility>
#include <vector>

#include "base/detail/tree_cursor.h"
#include "base/error.h"

namespace base {
namespace {

std::filesystem::path folderOf(const std::filesystem::path& target) {
  return target.has_parent_path() ? target.parent_path() : std::filesystem::path(".");
}

constexpr mode_t kOwnerAll = S_IRWXU;

/// Lets us empty a folder that its owner made unwritable. Only an owner needs that (root may anyway), and only an owner can do it.
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
  if (::unlinkat(parent.get(), name.c_str(), flags) != 0 && errno != ENOENT) throwErrno(errno, "removing a tree");
}

/// Removes what is below the cursor's folder.
void emptyFolder(detail::TreeCursor cursor) {
  std::vector<Level> levels;
  levels.push_back({"", detail::listNames(cursor.folder())});
  for (;;) {
    Level& level = levels.back();
    if (!level.rest.empty()) {
      std::string name = std::move(level.rest.back());
      level.rest.pop_back();
      if (isFolder(cursor.folder(), name, cursor.device())) {
        cursor.enter(name);
        levels.push_back({std::move(name), detail::listNames(cursor.folder())});
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

AtomicFile::AtomicFile(std::filesystem::path target, unsigned mode) : target_(std::move(target)) {
  std::string name = (folderOf(target_) / ("." + target_.filename().string() + ".XXXXXX.tmp")).string();
  constexpr int kSuffixLength = 4;
  fd_ = Fd(::mkostemps(name.data(), kSuffixLength, O_CLOEXEC));
  if (!fd_.valid()) throwErrno(errno, "writing " + target_.filename().string());
  temporary_ = name;
  if (::fchmod(fd_.get(), mode) != 0) {
    const int reason = errno;
    ::unlink(temporary_.c_str());  // the destructor does not run after a throw
    throwErrno(reason, "writing " + target_.filename().string());
  }
}

AtomicFile::~AtomicFile() {
  if (!temporary_.empty()) ::unlink(temporary_.c_str());
}

void AtomicFile::write(std::string_view bytes) {
  try {
    writeAll(fd_, bytes);
  } catch (Error& error) {
    throw error.addContext(target_.filename().string());
  }
}

void AtomicFile::commit() {
  CHECK(!temporary_.empty());
  const std::string doing = "writing " + target_.filename().string();
  fsyncOrThrow(fd_, doing);
  if (::rename(temporary_.c_str(), target_.c_str()) != 0) throwErrno(errno, doing);
  temporary_.clear();
  fd_.reset();
  fsyncFolder(folderOf(target_));
}

void writeFileAtomically(const std::filesystem::path& target, std::string_view bytes, unsigned mode) {
  AtomicFile file(target, mode);
  file.write(bytes);
  file.commit();
}

void fsyncFolder(const std::filesystem::path& folder) {
  fsyncOrThrow(openFile(folder.empty() ? "." : folder, O_RDONLY | O_DIRECTORY), "syncing a folder");
}

void removeTree(const std::filesystem::path& path) {
  auto clean = path.lexically_normal();
  if (!clean.has_filename()) clean = clean.parent_path();  // "a/b/" means "a/b"
  const std::string name = clean.filename().string();
  if (name.empty() || name == "." || name == "..") throw Error(Errc::invalidArgument, "removing a tree: it has no name");
  struct stat info {};
  if (::lstat(clean.c_str(), &info) != 0) {
    if (errno == ENOENT || errno == ENOTDIR) return;
    throwErrno(errno, "removing a tree");
  }
  const Fd parent = openFile(folderOf(clean), O_RDONLY | O_DIRECTORY);
  if (!isFolder(parent, name, info.st_dev)) return removeOne(parent, name, 0);
  emptyFolder(detail::TreeCursor(openAt(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW)));
  removeOne(parent, name, AT_REMOVEDIR);
}

}  // namespace base
