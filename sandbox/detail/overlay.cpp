#include "sandbox/detail/overlay.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <optional>
#include <string_view>

#include "base/error.h"
#include "base/fd.h"
#include "base/overlay_xattr.h"
#include "base/strings.h"

namespace sandbox {
namespace {

using base::Errc;
using base::Error;
using base::Fd;

constexpr std::size_t kMaxLayers = 200;

Fd openFolder(const std::filesystem::path& folder) {
  return base::openFile(folder, O_PATH | O_DIRECTORY);
}

constexpr std::string_view kHeld = "/proc/self/fd/";

// An image may hold one layer twice, which overlayfs refuses; only the upper one can be seen.
std::vector<std::filesystem::path> topmostFirst(const std::vector<std::filesystem::path>& layers) {
  std::vector<std::filesystem::path> result;
  for (auto layer = layers.rbegin(); layer != layers.rend(); ++layer) {
    if (std::find(result.begin(), result.end(), *layer) == result.end()) result.push_back(*layer);
  }
  return result;
}

Fd openBeneath(const Fd& root, const std::string& relative, std::uint64_t flags) {
  struct open_how how {};
  how.flags = flags | O_CLOEXEC;
  how.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS;
  return Fd(static_cast<int>(::syscall(SYS_openat2, root.get(), relative.c_str(), &how, sizeof how)));
}

std::optional<mode_t> kindAt(const Fd& folder, const std::string& name) {
  struct stat status {};
  if (::fstatat(folder.get(), name.c_str(), &status, AT_SYMLINK_NOFOLLOW) == 0)
    return status.st_mode & S_IFMT;
  if (errno == ENOENT) return std::nullopt;
  base::throwErrno(errno, "looking for a mount's place in the container");
}

void makeFolder(const Fd& parent, const std::string& name, std::uint32_t owner) {
  // chmod again: the daemon's umask is not the container's.
  if (::mkdirat(parent.get(), name.c_str(), 0755) != 0 ||
      ::fchmodat(parent.get(), name.c_str(), 0755, 0) != 0 ||
      ::fchownat(parent.get(), name.c_str(), owner, owner, AT_SYMLINK_NOFOLLOW) != 0)
    base::throwErrno(errno, "making a mount's place in the container");
}

void makeFile(const Fd& parent, const std::string& name, std::uint32_t owner) {
  const Fd file = base::openAt(parent, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0644);
  if (::fchmod(file.get(), 0644) != 0 || ::fchown(file.get(), owner, owner) != 0)
    base::throwErrno(errno, "making a mount's place in the container");
}

std::vector<std::string> components(const std::string& target) {
  std::vector<std::string> names;
  for (const std::string& name : base::split(target, '/')) {
    if (name.empty() || name == ".") continue;
    if (name == "..")
      throw Error(Errc::invalidArgument,
                  "the mount target " + base::printable(target) + " must not hold \"..\"");
    names.push_back(name);
  }
  if (target.empty() || target.front() != '/' || names.empty())
    throw Error(Errc::invalidArgument,
                "the mount target " + base::printable(target) + " must be absolute and below /");
  return names;
}

}  // namespace

std::filesystem::path heldPath(const Fd& fd) {
  return std::string(kHeld) + std::to_string(fd.get());
}

bool isHeldPath(const std::filesystem::path& path) {
  return path.native().starts_with(kHeld);
}

void mountHeld(const std::filesystem::path& source, const std::filesystem::path& target) {
  if (::mount(source.c_str(), target.c_str(), nullptr, MS_BIND, nullptr) != 0)
    base::throwErrno(errno, "taking hold of what is to be mounted");
}

void mountWithoutLinks(const std::filesystem::path& source, const std::filesystem::path& target) {
  constexpr unsigned long kNoSymlinks = 256;  // MS_NOSYMFOLLOW, which older headers lack
  constexpr unsigned long kFlags = MS_REMOUNT | MS_BIND | MS_NOSUID | MS_NODEV | MS_NOEXEC | kNoSymlinks;
  mountHeld(source, target);
  if (::mount("none", target.c_str(), nullptr, kFlags, nullptr) != 0)
    base::throwErrno(errno, "closing the folder of a container's log to symlinks (Linux 5.10 and newer can)");
}

void mountOverlay(const OverlayFolders& folders) {
  if (folders.layers.size() > kMaxLayers)
    throw Error(Errc::invalidArgument, "an image of " + std::to_string(folders.layers.size()) +
                                           " layers is too deep: at most " + std::to_string(kMaxLayers) +
                                           " are possible");
  std::vector<Fd> held;
  std::string lower;
  for (const auto& layer : topmostFirst(folders.layers)) {
    held.push_back(openFolder(layer));
    // Short names for the mount's options: they need no escaping and always fit. The kernel resolves them
    // while mount(2) runs.
    lower += (lower.empty() ? "" : ":") + heldPath(held.back()).native();
  }
  const Fd upper = openFolder(folders.upper);
  const Fd work = openFolder(folders.work);
  std::string options =
      "lowerdir=" + lower + ",upperdir=" + heldPath(upper).native() + ",workdir=" + heldPath(work).native();
  const bool isHosts = base::isHostsUserNamespace();
  if (!isHosts) options += ",userxattr";  // neither redirects nor metacopies, nor takes a word about them
  if (folders.form == OverlayFolders::Upper::plain)
    options += isHosts ? ",redirect_dir=off,metacopy=off,index=off" : ",index=off";
  constexpr unsigned long kFlags = MS_NODEV | MS_NOSUID;
  // volatile (Linux 5.10): what is written does not outlive a power cut, so nobody's fsync, and no
  // unmounting, has to wait for the disk.
  if (::mount("overlay", folders.target.c_str(), "overlay", kFlags, (options + ",volatile").c_str()) == 0)
    return;
  if (errno == EINVAL && ::mount("overlay", folders.target.c_str(), "overlay", kFlags, options.c_str()) == 0)
    return;
  base::throwErrno(errno, "mounting the container's overlay");
}

void unmountAll(const std::filesystem::path& target) {
  // Detached: a process that still looks into it (a backup, a shell) must not keep the container from being
  // removed.
  while (::umount2(target.c_str(), MNT_DETACH | UMOUNT_NOFOLLOW) == 0) {
  }
  if (errno != EINVAL && errno != ENOENT) base::throwErrno(errno, "unmounting the container's overlay");
}

void makeMountTarget(const std::filesystem::path& root, const std::string& target, TargetKind kind,
                     std::uint32_t owner) {
  std::vector<std::string> names = components(target);
  const std::string last = names.back();
  names.pop_back();
  const Fd top = openFolder(root);
  Fd parent = openFolder(root);
  std::string walked = ".";
  for (const std::string& name : names) {
    walked += "/" + name;
    Fd next = openBeneath(top, walked, O_PATH | O_DIRECTORY);
    if (!next.valid()) {
      if (errno != ENOENT || kindAt(parent, name))
        base::throwErrno(errno == ENOENT ? ENOTDIR : errno, "reaching a mount's place in the container");
      makeFolder(parent, name, owner);
      next = openBeneath(top, walked, O_PATH | O_DIRECTORY);
      if (!next.valid()) base::throwErrno(errno, "reaching a mount's place in the container");
    }
    parent = std::move(next);
  }
  const mode_t wanted = kind == TargetKind::folder ? S_IFDIR : S_IFREG;
  const auto found = kindAt(parent, last);
  if (found == wanted) return;
  if (found == mode_t{S_IFLNK}) {
    if (::unlinkat(parent.get(), last.c_str(), 0) != 0)
      base::throwErrno(errno, "replacing a symlink at a mount's place in the container");
  } else if (found) {
    throw Error(Errc::invalidArgument, "something of another kind is in the image where " +
                                           base::printable(target) + " is to be mounted");
  }
  kind == TargetKind::folder ? makeFolder(parent, last, owner) : makeFile(parent, last, owner);
}

}  // namespace sandbox
