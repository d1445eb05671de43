#include "base/detail/tree_cursor.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>

#include <cerrno>
#include <string_view>

#include "base/c_handle.h"
#include "base/error.h"

namespace base::detail {
namespace {

constexpr int kFolderFlags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW;

std::pair<dev_t, ino_t> identityOf(const Fd& folder) {
  struct stat info {};
  if (::fstat(folder.get(), &info) != 0) throwErrno(errno, "reading a folder");
  return {info.st_dev, info.st_ino};
}

void closeFolder(DIR* folder) noexcept {
  ::closedir(folder);
}
using Folder = CHandle<DIR, &closeFolder>;

}  // namespace

TreeCursor::TreeCursor(Fd root) : folder_(std::move(root)) {
  identities_.push_back(identityOf(folder_));
}

void TreeCursor::enter(const std::string& name) {
  Fd next = openAt(folder_, name, kFolderFlags);
  identities_.push_back(identityOf(next));
  folder_ = std::move(next);
}

bool TreeCursor::tryEnter(const std::string& name) {
  Fd next(::openat(folder_.get(), name.c_str(), kFolderFlags | O_CLOEXEC));
  if (!next.valid()) {
    if (errno == ENOENT || errno == ENOTDIR || errno == ELOOP) return false;
    throwErrno(errno, "reading a folder");
  }
  identities_.push_back(identityOf(next));
  folder_ = std::move(next);
  return true;
}

void TreeCursor::leave() {
  CHECK(identities_.size() > 1);
  Fd parent = openAt(folder_, "..", kFolderFlags);
  identities_.pop_back();
  // A folder that was moved elsewhere meanwhile has another parent.
  if (identityOf(parent) != identities_.back())
    throw Error(Errc::io, "a folder was moved while its tree was read");
  folder_ = std::move(parent);
}

std::vector<std::string> listNames(const Fd& folder) {
  // Opened again, since a duplicate would share the position.
  Fd again = openAt(folder, ".", kFolderFlags);
  Folder stream(::fdopendir(again.get()));
  if (!stream) throwErrno(errno, "reading a folder");
  again.release();
  std::vector<std::string> names;
  for (;;) {
    errno = 0;
    const dirent* entry = ::readdir(stream.get());
    if (entry == nullptr) break;
    const std::string_view name = entry->d_name;
    if (name != "." && name != "..") names.emplace_back(name);
  }
  if (errno != 0) throwErrno(errno, "reading a folder");
  return names;
}

}  // namespace base::detail
