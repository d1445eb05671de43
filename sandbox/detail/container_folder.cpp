#include "sandbox/detail/container_folder.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <string_view>

#include "base/atomic_file.h"
#include "base/error.h"
#include "base/fd.h"
#include "base/strings.h"
#include "sandbox/detail/overlay.h"

namespace sandbox {
namespace {

using base::Errc;
using base::Error;
namespace fs = std::filesystem;

// Plain files in a folder that only root can reach: nothing reads them before they are whole.
void writeNewFile(const fs::path& file, std::string_view text, mode_t mode) {
  const base::Fd fd = base::openFile(file, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, mode);
  if (::fchmod(fd.get(), mode) != 0)
    base::throwErrno(errno, "writing a container's files");  // whatever the umask is
  base::writeAll(fd, text);
}

void makeFolder(const fs::path& folder, mode_t mode) {
  if ((::mkdir(folder.c_str(), mode) != 0 && errno != EEXIST) || ::chmod(folder.c_str(), mode) != 0)
    base::throwErrno(errno, "making a container's folder");
}

void giveToContainer(const fs::path& folder, std::uint32_t owner) {
  if (::chown(folder.c_str(), owner, owner) != 0) base::throwErrno(errno, "making a container's folder");
}

std::string hostnameOf(const ContainerSpec& spec) {
  return spec.hostname.empty() ? spec.id : spec.hostname;
}

// /proc, /sys, /dev and the tmpfs on /tmp are mounted by the runtime first; what comes to lie in them is made
// there, by the runtime.
bool liesInRuntimeMount(const ContainerSpec& spec, const std::string& target) {
  const auto below = [&](const std::string& folder) {
    return target.starts_with(folder + "/") || target == folder;
  };
  return below("/proc") || below("/sys") || below("/dev") || (!mountsTmp(spec) && below("/tmp"));
}

void makeTargets(const ContainerSpec& spec, const BundleSettings& settings) {
  const std::uint32_t owner = settings.userNamespaceBase;
  for (const char* target : {"/proc", "/sys", "/dev"})
    makeMountTarget(settings.rootfs, target, TargetKind::folder, owner);
  if (!mountsTmp(spec)) {
    makeMountTarget(settings.rootfs, "/tmp", TargetKind::folder, owner);
    // runc gives the tmpfs the mode of the folder under it, whatever the mount's options say. (Not a symlink:
    // makeMountTarget has seen to that.)
    if (::chmod((settings.rootfs / "tmp").c_str(), 01777) != 0)
      base::throwErrno(errno, "preparing a container's /tmp");
  }
  for (const Mount& mount : settings.systemFiles)
    makeMountTarget(settings.rootfs, mount.target, TargetKind::file, owner);
  for (const Mount& mount : spec.mounts) {
    if (liesInRuntimeMount(spec, mount.target)) continue;
    makeMountTarget(settings.rootfs, mount.target,
                    fs::is_directory(mount.source) ? TargetKind::folder : TargetKind::file, owner);
  }
}

/// Its changes go aside: an overlay at `target`. No symlink in the folder of the changes is followed.
void mountWithChanges(const Mount& mount, const fs::path& target) {
  const base::Fd changes = base::openFile(mount.changes, O_PATH | O_DIRECTORY);
  // Of an overlay before this one; what it left there forbids another use.
  base::removeTree(mount.changes / "work");
  if (::mkdirat(changes.get(), "work", 0700) != 0) base::throwErrno(errno, "making a mount's place");
  const base::Fd upper = base::openBelow(changes, "upper", O_PATH | O_DIRECTORY);
  const base::Fd work = base::openBelow(changes, "work", O_PATH | O_DIRECTORY);
  mountOverlay({.layers = {mount.source},
                .upper = heldPath(upper),
                .work = heldPath(work),
                .target = target,
                .form = OverlayFolders::Upper::plain});
}

/// The runtime is another process and goes by names: what has its changes aside, or is held by a descriptor
/// of ours, is mounted in the container's own folder first, and from there.
std::vector<Mount> placed(const std::vector<Mount>& mounts, const ContainerFiles& files) {
  std::vector<Mount> result = mounts;
  for (std::size_t i = 0; i < result.size(); ++i) {
    Mount& mount = result[i];
    const bool aside = !mount.changes.empty();
    if (!aside && !isHeldPath(mount.source)) continue;
    makeFolder(files.overlays(), 0700);
    const fs::path target = files.overlays() / std::to_string(i);
    if (fs::is_directory(mount.source)) {
      makeFolder(target, 0711);
    } else {
      writeNewFile(target, "", 0600);
    }
    if (aside) {
      mountWithChanges(mount, target);
    } else {
      mountHeld(mount.source, target);
    }
    mount.source = target;
    mount.changes.clear();
  }
  return result;
}

}  // namespace

void checkId(const std::string& id) {
  constexpr std::size_t kMaxLength = 64;
  const auto letterOrDigit = [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); };
  const auto allowed = [&](char c) { return letterOrDigit(c) || c == '_' || c == '.' || c == '-'; };
  if (id.empty() || id.size() > kMaxLength || !letterOrDigit(id.front()) ||
      !std::all_of(id.begin(), id.end(), allowed))
    throw Error(Errc::invalidArgument,
                "\"" + base::printable(id) +
                    "\" is not a container id: 1 to 64 of a-z 0-9 _ . -, first a letter or digit");
}

void checkSpec(const ContainerSpec& spec) {
  checkId(spec.id);
  if (spec.argv.empty()) throw Error(Errc::invalidArgument, "a container needs a command");
  if (!spec.workingDirectory.starts_with('/'))
    throw Error(Errc::invalidArgument, "a container's working directory must be absolute");
  if (spec.uid >= kUserNamespaceSize || spec.gid >= kUserNamespaceSize)
    throw Error(Errc::invalidArgument, "a container's user and group ids must be below 65536");
  constexpr std::size_t kMaxHostname = 64;
  if (spec.hostname.size() > kMaxHostname)
    throw Error(Errc::invalidArgument, "a container's host name must have at most 64 characters");
  for (const Mount& mount : spec.mounts) {
    std::error_code ignored;
    if (!fs::exists(mount.source, ignored))
      throw Error(Errc::invalidArgument,
                  "what is to be mounted at " + base::printable(mount.target) + " does not exist");
  }
}

void fillFolder(const ContainerSpec& spec, const ContainerFiles& files, const FolderSettings& settings) {
  makeFolder(files.upper(), 0755);
  giveToContainer(files.upper(), settings.userNamespaceBase);
  for (const fs::path& folder :
       {files.work(), files.exitFolder(), files.persistFolder(), files.socketFolder()})
    makeFolder(folder, 0700);
  const std::string hostname = hostnameOf(spec);
  writeNewFile(files.resolvConf(), settings.resolvConf, 0644);
  writeNewFile(files.hostname(), hostname + "\n", 0644);
  writeNewFile(files.hosts(), "127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\n", 0644);

  // The container's root is a stranger to the host: it needs the right to walk to the mount point, nothing
  // more.
  makeFolder(files.mountPoint.parent_path(), 0711);
  makeFolder(files.mountPoint, 0711);
  const auto layers = spec.layers.empty() ? std::vector{settings.emptyLayer} : spec.layers;
  mountOverlay({.layers = layers, .upper = files.upper(), .work = files.work(), .target = files.mountPoint});

  BundleSettings bundle;
  bundle.rootfs = files.mountPoint;
  bundle.initProgram = settings.initProgram;
  bundle.userNamespaceBase = settings.userNamespaceBase;
  bundle.cgroupsPath = settings.cgroupsPath;
  bundle.limitSwap = settings.limitSwap;
  bundle.systemFiles = {{files.resolvConf(), "/etc/resolv.conf"},
                        {files.hosts(), "/etc/hosts"},
                        {files.hostname(), "/etc/hostname"}};
  if (settings.showLimits) {
    makeFolder(files.limits(), 0700);
    for (const auto& [name, text] : limitFiles(spec.limits)) {
      const fs::path file = files.limits() / fs::path(name).filename();
      writeNewFile(file, text, 0444);
      bundle.limitFiles.push_back({file, "/sys/fs/cgroup/" + name});
    }
  }
  makeTargets(spec, bundle);
  ContainerSpec bound = spec;
  bound.mounts = placed(spec.mounts, files);
  writeNewFile(files.config(), bundleConfig(bound, bundle), 0600);  // the environment holds secrets
}

fs::path placeLog(const fs::path& logFile, const ContainerFiles& files) {
  makeFolder(files.overlays(), 0700);
  makeFolder(files.logFolder(), 0700);
  mountWithoutLinks(logFile.parent_path(), files.logFolder());
  return files.logFolder() / logFile.filename();
}

void addHostsEntry(const ContainerFiles& files, const std::string& address, const std::string& hostname) {
  base::writeAll(base::openFile(files.hosts(), O_WRONLY | O_APPEND), address + "\t" + hostname + "\n");
}

void setHostsEntries(const ContainerFiles& files, const std::string& lines) {
  constexpr std::string_view kMark = "# the app's processes\n";
  std::string text = base::readFile(files.hosts());
  text.erase(std::min(text.find(kMark), text.size()));
  if (!lines.empty()) text.append(kMark).append(lines);
  // Over what is there, and then cut: nobody finds the file empty.
  const base::Fd fd = base::openFile(files.hosts(), O_WRONLY);
  base::writeAll(fd, text);
  if (::ftruncate(fd.get(), static_cast<off_t>(text.size())) != 0)
    base::throwErrno(errno, "writing a container's hosts file");
}

void unmountFolder(const ContainerFiles& files) {
  unmountAll(files.mountPoint);
  std::error_code missing;
  for (const auto& entry : fs::directory_iterator(files.overlays(), missing))
    unmountAll(entry.path());
}

void discardFolder(const ContainerFiles& files) {
  unmountFolder(files);
  if (::rmdir(files.mountPoint.c_str()) != 0 && errno != ENOENT)
    base::throwErrno(errno, "removing a container's mount point");
  base::removeTree(files.folder);
}

}  // namespace sandbox
