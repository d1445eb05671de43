#include "base/tree_cursor.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>

#include <cerrno>
#include <string_view>

#include "base/c_handle.h"
#include "base/error.h"

namespace base {
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

namespace {

FolderEntry::Type typeOf(mode_t mode) {
  if (S_ISREG(mode)) return FolderEntry::Type::file;
  if (S_ISDIR(mode)) return FolderEntry::Type::folder;
  return S_ISLNK(mode) ? FolderEntry::Type::symlink : FolderEntry::Type::other;
}

/// Most file systems tell the type with the name.
FolderEntry::Type typeOf(const Fd& folder, const dirent& entry) {
  if (entry.d_type != DT_UNKNOWN) return typeOf(static_cast<mode_t>(DTTOIF(entry.d_type)));
  struct stat info {};
  if (::fstatat(folder.get(), entry.d_name, &info, AT_SYMLINK_NOFOLLOW) != 0)
    throwErrno(errno, "reading a folder");
  return typeOf(info.st_mode);
}

/// Calls `take` for each entry but "." and "..".
template <typename Take>
void forEachEntry(const Fd& folder, Take take) {
  // Opened again, since a duplicate would share the position.
  Fd again = openAt(folder, ".", kFolderFlags);
  Folder stream(::fdopendir(again.get()));
  if (!stream) throwErrno(errno, "reading a folder");
  again.release();
  for (;;) {
    errno = 0;
    const dirent* entry = ::readdir(stream.get());
    if (entry == nullptr) break;
    const std::string_view name = entry->d_name;
    if (name != "." && name != "..") take(*entry);
  }
  if (errno != 0) throwErrno(errno, "reading a folder");
}

}  // namespace

std::vector<FolderEntry> listFolder(const Fd& folder) {
  std::vector<FolderEntry> entries;
  forEachEntry(folder, [&](const dirent& entry) {
    entries.push_back({entry.d_name, typeOf(folder, entry)});
  });
  return entries;
}

std::vector<std::string> listNames(const Fd& folder) {
  std::vector<std::string> names;
  forEachEntry(folder, [&](const dirent& entry) { names.emplace_back(entry.d_name); });
  return names;
}

}  // namespace base
