#include "sandbox/detail/host_files.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "base/archive.h"
#include "base/atomic_file.h"
#include "base/error.h"
#include "base/strings.h"
#include "base/tree_size.h"
#include "sandbox/detail/changes_merge.h"
#include "sandbox/detail/layer_worker.h"

namespace sandbox {

namespace fs = std::filesystem;

HostFiles::HostFiles(Config config)
    : config_(std::move(config)),
      owners_({.containers = config_.userNamespaceBase, .caller = config_.daemonUser}) {}

TreeOwners::Owner HostFiles::hostIds(TreeOwner owner) const {
  return {config_.userNamespaceBase + owner.uid, config_.userNamespaceBase + owner.gid};
}

void HostFiles::give(const fs::path& path, TreeOwner owner, Depth depth) {
  owners_.change(path, hostIds(owner), depth);
}

void HostFiles::takeBack(const fs::path& path, Depth depth) {
  owners_.change(path, {config_.daemonUser, config_.daemonGroup}, depth);
}

void HostFiles::takeLog(const fs::path& file) {
  // Nothing but a log: what has another name may be something else there.
  const base::Fd held = base::openFile(file, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
  struct stat info {};
  if (::fstat(held.get(), &info) != 0) base::throwErrno(errno, "looking at a container's log");
  const bool isOurs = info.st_uid == ::geteuid() || info.st_uid == config_.daemonUser;
  if (!S_ISREG(info.st_mode) || info.st_nlink > 1 || !isOurs)
    throw base::Error(base::Errc::permissionDenied,
                      base::printable(file.filename().string(), 300) + " is no log of a container");
  if (::fchown(held.get(), config_.daemonUser, config_.daemonGroup) != 0)
    base::throwErrno(errno, "giving a log to the daemon");
}

void HostFiles::remove(const fs::path& path) {
  base::removeTree(path);
}

void HostFiles::merge(const fs::path& changes, const fs::path& kept, const fs::path& trash) {
  for (const fs::path& each : {changes, kept, trash})
    owners_.check(each);
  mergeChanges(changes, kept, trash);
}

std::uint64_t HostFiles::diskBytes(const fs::path& path, std::stop_token stop) {
  return base::measureTree(path, {.stop = std::move(stop)}).diskBytes;
}

void HostFiles::giveTerminal(const base::Fd& terminal, TreeOwner owner) {
  owners_.changeTerminal(terminal, hostIds(owner));
}

void HostFiles::unpackLayer(const base::Fd& tar, const fs::path& folder) {
  owners_.check(folder);
  if (!config_.unpacker.empty()) return unpackApart(config_.unpacker, config_.userNamespaceBase, tar, folder);
  base::FileSource source(base::Fd(::fcntl(tar.get(), F_DUPFD_CLOEXEC, 0)));
  base::unpackTar(source, folder, {.ownerShift = config_.userNamespaceBase, .whiteouts = true});
  base::readToEnd(source);
}

std::unique_ptr<ForeignTrees> makeForeignTrees(std::uint32_t userNamespaceBase) {
  return std::make_unique<HostFiles>(HostFiles::Config{.userNamespaceBase = userNamespaceBase,
                                                       .daemonUser = ::geteuid(),
                                                       .daemonGroup = ::getegid(),
                                                       .unpacker = {}});
}

}  // namespace sandbox
