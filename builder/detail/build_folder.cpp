#include "builder/detail/build_folder.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "base/atomic_file.h"
#include "base/child_process.h"
#include "base/error.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/strings.h"
#include "sandbox/detail/changes_merge.h"

namespace builder::detail {
namespace {

namespace fs = std::filesystem;
using base::Errc;
using base::Error;

void own(const fs::path& path, std::uint32_t uid, std::uint32_t gid) {
  if (::lchown(path.c_str(), uid, gid) != 0) base::throwErrno(errno, "giving a build folder to its user");
}

void makeFolder(const fs::path& path, std::uint32_t uid, mode_t mode) {
  fs::create_directories(path.parent_path());
  if (::mkdir(path.c_str(), 0700) != 0) base::throwErrno(errno, "making a build folder");
  own(path, uid, uid);
  // mkdir obeys the umask.
  if (::chmod(path.c_str(), mode) != 0) base::throwErrno(errno, "making a build folder");
}

void ownTree(const fs::path& root, std::uint32_t id) {
  own(root, id, id);
  for (const auto& entry : fs::recursive_directory_iterator(root))
    own(entry.path(), id, id);
}

}  // namespace

TreeGuard::TreeGuard(fs::path path, Trash& trash) : path_(std::move(path)), trash_(trash) {
  trash_.take(path_);
}

TreeGuard::~TreeGuard() {
  try {
    trash_.take(path_);
  } catch (const std::exception& error) {
    base::Log("builder").warn("build folder not removed",
                              {{"folder", path_.string()}, {"why", error.what()}});
  }
}

BuildFolder::BuildFolder(const fs::path& workFolder, Trash& trash, const BuildInput& input, BuildUser user)
    // The same commit builds in the same place, so that paths which end up in the slug do not change its
    // digest.
    : guard_(workFolder / input.id, trash),
      trash_(trash),
      keptCache_(input.cache),
      useCache_(input.useCache),
      user_(user),
      place_(input.place),
      hash_(base::Digest::of(input.commit).hex().substr(0, 8)) {
  makeFolder(root(), ::geteuid(), 0711);
  makeFolder(root() / "tmp", user_.rootId, 01777);
  mount(root() / "tmp", "/tmp", false);
  makeFolder(root() / "var-tmp", user_.rootId, 01777);
  mount(root() / "var-tmp", "/var/tmp", false);
  makeFolder(root() / "home", user_.appId, 0755);
  mount(root() / "home", homePath(), false);
  takeSource(input);
  mount(build(), buildPath(), false);
  writeConfig(input.config);
  mount(root() / "env", envPath(), true);
}

void BuildFolder::mount(const fs::path& source, const std::string& target, bool readOnly) {
  // Its place below the /tmp mount is made here, owned by root: the build user can neither move nor replace
  // it.
  constexpr std::string_view kTmp = "/tmp/";
  if (target.starts_with(kTmp)) {
    const fs::path place = root() / "tmp" / target.substr(kTmp.size());
    if (!fs::exists(place.parent_path())) makeFolder(place.parent_path(), user_.rootId, 0755);
    makeFolder(place, user_.rootId, 0755);
  }
  mounts_.push_back({source, target, readOnly});
}

void BuildFolder::takeSource(const BuildInput& input) {
  if (::rename(input.source.c_str(), build().c_str()) == 0) return;
  if (errno != EXDEV) base::throwErrno(errno, "taking the source tree");
  base::mustRun({"cp", "-a", "--reflink=auto", "--", input.source.string(), build().string()},
                {.timeout = std::chrono::minutes(15)});
  base::removeTree(input.source);
}

void BuildFolder::finishCacheMerge() {
  if (!fs::exists(cacheMerge())) return;
  const base::Log log("builder");
  try {
    if (fs::is_directory(keptCache_)) {
      sandbox::mergeChanges(cacheMerge(), keptCache_, trash_.folder());
      return trash_.look();
    }
  } catch (const Error& failure) {
    // Half of each would be worse than none, and no cache stops nobody.
    log.warn("a build cache is given up", {{"folder", keptCache_.string()}, {"why", failure.what()}});
    trash_.take(keptCache_);
  }
  trash_.take(cacheMerge());
}

void BuildFolder::takeCache() {
  finishCacheMerge();
  overlaid_ = useCache_ && fs::is_directory(keptCache_);
  if (overlaid_) {
    makeFolder(cacheChanges() / "upper", user_.appId, 0755);
    mount(keptCache_, cachePath(), false);
    mounts_.back().changes = cacheChanges();
  } else {
    makeFolder(root() / "cache", user_.appId, 0755);
    mount(root() / "cache", cachePath(), false);
  }
}

void BuildFolder::writeConfig(const store::ConfigVars& config) {
  const fs::path folder = root() / "env";
  makeFolder(folder, user_.rootId, 0750);
  own(folder, user_.rootId, user_.appId);
  for (const auto& [name, value] : config) {
    if (name.empty() || name.find('/') != std::string::npos || name == "." || name == "..") {
      throw Error(Errc::invalidArgument,
                  "the config var name '" + base::printable(name) + "' is not allowed");
    }
    const base::Fd file = base::openFile(folder / name, O_WRONLY | O_CREAT | O_EXCL, 0640);
    base::writeAll(file, value);
    if (::fchmod(file.get(), 0640) != 0) base::throwErrno(errno, "writing config vars");
    own(folder / name, user_.rootId, user_.appId);
  }
}

void BuildFolder::adoptBuildpack(std::size_t index) {
  const fs::path folder = buildpack(index);
  // A fetch fills an empty one.
  if (!fs::exists(folder)) makeFolder(folder, user_.appId, 0755);
  ownTree(folder, user_.appId);
  mount(folder, buildpackPath(index), false);
}

void BuildFolder::keepCache() {
  fs::create_directories(keptCache_.parent_path());
  if (overlaid_) {
    fs::rename(cacheChanges() / "upper", cacheMerge());
    return finishCacheMerge();
  }
  const fs::path mine = root() / "cache";
  const unsigned flags = fs::exists(keptCache_) ? RENAME_EXCHANGE : RENAME_NOREPLACE;
  if (::renameat2(AT_FDCWD, mine.c_str(), AT_FDCWD, keptCache_.c_str(), flags) != 0) {
    base::throwErrno(errno, "keeping the build cache");
  }
}

}  // namespace builder::detail
