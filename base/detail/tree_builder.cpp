#include "base/detail/tree_builder.h"

#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <limits>
#include <utility>

#include "base/archive.h"
#include "base/detail/remove_at.h"
#include "base/error.h"
#include "base/overlay_xattr.h"
#include "base/strings.h"

namespace base::detail {
namespace {

constexpr int kFolderFlags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW;
constexpr mode_t kParentMode = 0755;
constexpr mode_t kModeBits = 07777;
constexpr mode_t kSetIdBits = S_ISUID | S_ISGID;
constexpr std::size_t kMaxPathBytes = 64 << 10;

[[noreturn]] void throwErrnoFor(int errorNumber, const std::string& name) {
  throwErrno(errorNumber, "unpacking " + printable(name));
}

bool isWhiteout(const struct stat& info) {
  return S_ISCHR(info.st_mode) && info.st_rdev == makedev(0, 0);
}

/// False when nothing is there.
bool statAt(const Fd& parent, const std::string& name, struct stat& info) {
  if (::fstatat(parent.get(), name.c_str(), &info, AT_SYMLINK_NOFOLLOW) == 0) return true;
  if (errno == ENOENT) return false;
  throwErrnoFor(errno, name);
}

/// The target of a symlink; "" when it is none.
std::string readLink(const Fd& parent, const std::string& name) {
  std::array<char, PATH_MAX> target{};
  const ssize_t length = ::readlinkat(parent.get(), name.c_str(), target.data(), target.size());
  return length < 0 ? std::string() : std::string(target.data(), static_cast<std::size_t>(length));
}

uid_t shifted(std::int64_t id, std::uint32_t shift) {
  // The highest number means "no change" to chown.
  constexpr std::int64_t kEnd = std::numeric_limits<std::uint32_t>::max();
  if (id < 0 || id + shift >= kEnd)
    throw Error(Errc::invalidArgument, "unpacking: an owner's number is too large");
  return static_cast<uid_t>(id + shift);
}

}  // namespace

std::vector<std::string> entryComponents(std::string_view path) {
  if (path.size() > kMaxPathBytes) throw Error(Errc::invalidArgument, "unpacking: a name is too long");
  std::vector<std::string> components;
  for (auto& part : split(path, '/')) {
    if (part == "..") throw Error(Errc::invalidArgument, "unpacking: a name has \"..\": " + printable(path));
    if (!part.empty() && part != ".") components.push_back(std::move(part));
  }
  return components;
}

TreeBuilder::TreeBuilder(Fd root, TreeBuilderOptions options)
    : root_(std::make_shared<const Fd>(std::move(root))), options_(options) {}

void TreeBuilder::folder(std::string_view path, const EntryMeta& meta) {
  const auto components = entryComponents(path);
  FolderRef folder = root_;
  if (!components.empty()) {
    const Place place = locate(components, Missing::make);
    struct stat info {};
    if (!statAt(*place.parent, place.name, info) || !S_ISDIR(info.st_mode))
      makeFolder(*place.parent, place.name);
    folder = std::make_shared<const Fd>(openAt(*place.parent, place.name, kFolderFlags));
  }
  applyOwner(*folder, meta);
  const mode_t mode = kept(meta.mode);
  if (::fchmod(folder->get(), mode | S_IRWXU) != 0) throwErrnoFor(errno, std::string(path));
  const std::string key = join(components, "/");
  if ((mode & S_IRWXU) == S_IRWXU) {
    keptBack_.erase(key);
  } else {
    keptBack_[key] = mode;
  }
}

Fd TreeBuilder::file(std::string_view path) {
  const Place place = locate(entryComponents(path), Missing::make);
  constexpr int kFlags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;
  constexpr mode_t kPrivate = 0600;
  Fd file(::openat(place.parent->get(), place.name.c_str(), kFlags, kPrivate));
  if (!file.valid() && errno == EEXIST) {
    replace(place);
    file = Fd(::openat(place.parent->get(), place.name.c_str(), kFlags, kPrivate));
  }
  if (!file.valid()) throwErrnoFor(errno, place.name);
  return file;
}

void TreeBuilder::finishFile(const Fd& file, const EntryMeta& meta) {
  applyOwner(file, meta);
  if (::fchmod(file.get(), kept(meta.mode)) != 0) throwErrno(errno, "unpacking a file");
}

void TreeBuilder::symlink(std::string_view path, const std::string& target, const EntryMeta& meta) {
  const Place place = locate(entryComponents(path), Missing::make);
  replace(place);
  if (::symlinkat(target.c_str(), place.parent->get(), place.name.c_str()) != 0)
    throwErrnoFor(errno, place.name);
  applyOwnerAt(place, meta);
}

bool TreeBuilder::hardLink(std::string_view path, std::string_view target) {
  const auto from = entryComponents(target);
  const auto to = entryComponents(path);
  if (from == to) return true;
  const Place source = locate(from, Missing::fail);
  struct stat info {};
  if (!source.parent || !statAt(*source.parent, source.name, info) || S_ISDIR(info.st_mode)) return false;
  const Place place = locate(to, Missing::make);
  struct stat present {};
  if (statAt(*place.parent, place.name, present)) {
    // The same file by another way (through a symlink): replacing it would remove the last name.
    if (present.st_ino == info.st_ino && present.st_dev == info.st_dev) return true;
    replace(place);
  }
  if (::linkat(source.parent->get(), source.name.c_str(), place.parent->get(), place.name.c_str(), 0) != 0) {
    if (errno == ENOENT) return false;  // it was in what was replaced
    throwErrnoFor(errno, place.name);
  }
  return true;
}

void TreeBuilder::device(std::string_view path, dev_t number, const EntryMeta& meta) {
  const Place place = locate(entryComponents(path), Missing::make);
  replace(place);
  const mode_t type = meta.mode & S_IFMT;
  if (::mknodat(place.parent->get(), place.name.c_str(), type | S_IRUSR | S_IWUSR, number) != 0) {
    throwErrnoFor(errno, place.name);
  }
  applyOwnerAt(place, meta);
  if (::fchmodat(place.parent->get(), place.name.c_str(), kept(meta.mode), 0) != 0)
    throwErrnoFor(errno, place.name);
}

void TreeBuilder::whiteout(std::string_view parent, const std::string& name) {
  auto components = entryComponents(parent);
  components.push_back(name);
  const Place place = locate(components, Missing::make);
  struct stat info {};
  if (statAt(*place.parent, place.name, info)) {
    if (S_ISDIR(info.st_mode)) hideLower(openAt(*place.parent, place.name, kFolderFlags));
    return;
  }
  if (::mknodat(place.parent->get(), place.name.c_str(), S_IFCHR, makedev(0, 0)) != 0)
    throwErrnoFor(errno, place.name);
}

void TreeBuilder::opaque(std::string_view path) {
  hideLower(*walk(entryComponents(path), Missing::make));
}

void TreeBuilder::finish() {
  // Backwards, so that what is below comes before the folder that may forbid to reach it.
  for (auto next = keptBack_.rbegin(); next != keptBack_.rend(); ++next) {
    const FolderRef folder =
        tryOpen(entryComponents(next->first));  // null when something else took its place
    if (folder && ::fchmod(folder->get(), next->second) != 0) throwErrnoFor(errno, next->first);
  }
  keptBack_.clear();
}

TreeBuilder::Place TreeBuilder::locate(const std::vector<std::string>& components, Missing missing) {
  if (components.empty()) throw Error(Errc::invalidArgument, "unpacking: a name is empty");
  const std::vector<std::string> parent(components.begin(), components.end() - 1);
  return {parentOf(parent, missing), components.back()};
}

TreeBuilder::FolderRef TreeBuilder::parentOf(const std::vector<std::string>& components, Missing missing) {
  // Neighbours in an archive mostly share their folder.
  std::string path = join(components, "/");
  if (lastParent_ && path == lastParentPath_) return lastParent_;
  FolderRef folder = walk(components, missing);
  if (folder) {
    lastParent_ = folder;
    lastParentPath_ = std::move(path);
  }
  return folder;
}

TreeBuilder::FolderRef TreeBuilder::walk(const std::vector<std::string>& components, Missing missing) {
  constexpr int kMaxLinks = 40;  // as the kernel has it
  int links = 0;
  std::vector<std::string> pending(components.rbegin(), components.rend());
  std::vector<std::string> resolved;  // real folders only
  FolderRef here = root_;
  while (!pending.empty()) {
    const std::string name = std::move(pending.back());
    pending.pop_back();
    if (name.empty() || name == ".") continue;
    if (name == "..") {
      if (!resolved.empty()) resolved.pop_back();
      here = tryOpen(resolved);
      if (!here) throw Error(Errc::io, "unpacking: the tree was changed by others");
      continue;
    }
    Fd next(::openat(here->get(), name.c_str(), kFolderFlags | O_CLOEXEC));
    if (!next.valid()) {
      if (errno != ENOENT && errno != ENOTDIR && errno != ELOOP) throwErrnoFor(errno, name);
      const std::string target = readLink(*here, name);
      if (!target.empty()) {
        if (options_.links == TreeBuilderOptions::Links::refuse) {
          throw Error(Errc::invalidArgument,
                      "unpacking: " + printable(name) +
                          " is a symlink, and an entry is below it: leave one of them out");
        }
        if (++links > kMaxLinks) throw Error(Errc::invalidArgument, "unpacking: too many symlinks in a row");
        const auto parts = split(target, '/');
        pending.insert(pending.end(), parts.rbegin(), parts.rend());
        if (target.front() == '/') {
          resolved.clear();
          here = root_;
        }
        continue;
      }
      if (missing == Missing::fail) return nullptr;
      makeFolder(*here, name);
      next = openAt(*here, name, kFolderFlags);
      applyOwner(next, {});
      if (::fchmod(next.get(), kParentMode) != 0) throwErrnoFor(errno, name);
    }
    resolved.push_back(name);
    here = std::make_shared<const Fd>(std::move(next));
  }
  return here;
}

TreeBuilder::FolderRef TreeBuilder::tryOpen(const std::vector<std::string>& names) const {
  FolderRef here = root_;
  for (const auto& name : names) {
    Fd next(::openat(here->get(), name.c_str(), kFolderFlags | O_CLOEXEC));
    if (!next.valid()) return nullptr;
    here = std::make_shared<const Fd>(std::move(next));
  }
  return here;
}

void TreeBuilder::makeFolder(const Fd& parent, const std::string& name) {
  bool hidesLower = false;
  if (::mkdirat(parent.get(), name.c_str(), S_IRWXU) != 0) {
    if (errno != EEXIST) throwErrnoFor(errno, name);
    struct stat info {};
    hidesLower = options_.whiteouts && statAt(parent, name, info) && isWhiteout(info);
    removeAt(parent, name);
    lastParent_.reset();
    if (::mkdirat(parent.get(), name.c_str(), S_IRWXU) != 0) throwErrnoFor(errno, name);
  }
  // A folder in a whiteout's place is a new one: the old one's content stays hidden.
  if (hidesLower) hideLower(openAt(parent, name, kFolderFlags));
}

void TreeBuilder::replace(const Place& place) {
  if (::unlinkat(place.parent->get(), place.name.c_str(), 0) != 0) {
    if (errno == ENOENT) return;
    if (errno != EISDIR && errno != EPERM) throwErrnoFor(errno, place.name);
    removeAt(*place.parent, place.name);
  }
  // It may have been a symlink or a folder on the way to the last parent.
  lastParent_.reset();
}

void TreeBuilder::hideLower(const Fd& folder) const {
  if (options_.markOpaque) return options_.markOpaque(folder);
  markOpaque(folder);
}

uid_t TreeBuilder::ownerOf(std::int64_t id) const {
  constexpr uid_t kNobody = 65534;
  return id >= options_.ids ? kNobody : shifted(id, options_.ownerShift);
}

void TreeBuilder::applyOwner(const Fd& fd, const EntryMeta& meta) const {
  if (!options_.keepOwners) return;
  const uid_t uid = ownerOf(meta.uid);
  const gid_t gid = ownerOf(meta.gid);
  if (::fchown(fd.get(), uid, gid) != 0) throwErrno(errno, "unpacking: giving a file to its owner");
}

void TreeBuilder::applyOwnerAt(const Place& place, const EntryMeta& meta) const {
  if (!options_.keepOwners) return;
  const uid_t uid = ownerOf(meta.uid);
  const gid_t gid = ownerOf(meta.gid);
  if (::fchownat(place.parent->get(), place.name.c_str(), uid, gid, AT_SYMLINK_NOFOLLOW) != 0) {
    throwErrnoFor(errno, place.name);
  }
}

mode_t TreeBuilder::kept(mode_t mode) const noexcept {
  return mode & (options_.keepOwners ? kModeBits : kModeBits & ~kSetIdBits);
}

}  // namespace base::detail

namespace base {

void markOpaque(const Fd& folder) {
  if (::fsetxattr(folder.get(), opaqueXattr(), "y", 1, 0) != 0)
    throwErrno(errno, "unpacking: marking a folder opaque");
}

}  // namespace base
