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
#include "builder/detail/lent_tree.h"

namespace builder::detail {
namespace {

namespace fs = std::filesystem;
using base::Errc;
using base::Error;

using Depth = sandbox::ForeignTrees::Depth;
using sandbox::TreeOwner;

constexpr TreeOwner kRoot{.uid = 0, .gid = 0};
constexpr TreeOwner kUser{.uid = 1000, .gid = 1000};
constexpr TreeOwner kReadByUser{.uid = 0, .gid = 1000};

void makeFolder(const fs::path& path, mode_t mode) {
  fs::create_directories(path.parent_path());
  if (::mkdir(path.c_str(), 0700) != 0) base::throwErrno(errno, "making a build folder");
  // mkdir obeys the umask.
  if (::chmod(path.c_str(), mode) != 0) base::throwErrno(errno, "making a build folder");
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

BuildFolder::BuildFolder(const Parts& parts, const BuildInput& input)
    // The same commit builds in the same place, so that paths which end up in the slug do not change its
    // digest.
    : guard_(parts.workFolder / input.id, parts.trash),
      trees_(parts.trees),
      trash_(parts.trash),
      keptCache_(input.cache),
      useCache_(input.useCache),
      place_(input.place),
      hash_(base::Digest::of(input.commit).hex().substr(0, 8)) {
  makeFolder(root(), 0711);
  for (const auto& [name, target] : {std::pair("tmp", "/tmp"), std::pair("var-tmp", "/var/tmp")}) {
    makeFolder(root() / name, 01777);
    trees_.give(root() / name, kRoot, Depth::itself);
    mount(root() / name, target, false);
  }
  makeFolder(root() / "home", 0755);
  trees_.give(root() / "home", kUser, Depth::itself);
  mount(root() / "home", homePath(), false);
  takeSource(input);
  mount(build(), buildPath(), false);
  writeConfig(input.config);
  mount(root() / "env", envPath(), true);
}

void BuildFolder::mount(const fs::path& source, const std::string& target, bool readOnly) {
  // Its place below the /tmp mount is made here and is not the build user's, who can neither move nor replace
  // it: /tmp is sticky.
  constexpr std::string_view kTmp = "/tmp/";
  if (target.starts_with(kTmp)) {
    const fs::path place = root() / "tmp" / target.substr(kTmp.size());
    if (!fs::exists(place.parent_path())) makeFolder(place.parent_path(), 0755);
    makeFolder(place, 0755);
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

void BuildFolder::giveSource() {
  trees_.give(build(), kUser, Depth::whole);
}

void BuildFolder::takeSourceBack() {
  trees_.takeBack(build(), Depth::whole);
}

void BuildFolder::finishCacheMerge() {
  if (!fs::exists(cacheMerge())) return;
  const base::Log log("builder");
  try {
    if (fs::is_directory(keptCache_)) {
      trees_.merge(cacheMerge(), keptCache_, trash_.folder());
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
    makeFolder(cacheChanges() / "upper", 0755);
    trees_.give(cacheChanges() / "upper", kUser, Depth::itself);
    mount(keptCache_, cachePath(), false);
    mounts_.back().changes = cacheChanges();
  } else {
    makeFolder(root() / "cache", 0755);
    trees_.give(root() / "cache", kUser, Depth::itself);
    mount(root() / "cache", cachePath(), false);
  }
}

void BuildFolder::writeConfig(const store::ConfigVars& config) {
  const fs::path folder = root() / "env";
  makeFolder(folder, 0750);
  for (const auto& [name, value] : config) {
    if (name.empty() || name.find('/') != std::string::npos || name == "." || name == "..") {
      throw Error(Errc::invalidArgument,
                  "the config var name '" + base::printable(name) + "' is not allowed");
    }
    const base::Fd file = base::openFile(folder / name, O_WRONLY | O_CREAT | O_EXCL, 0640);
    base::writeAll(file, value);
    if (::fchmod(file.get(), 0640) != 0) base::throwErrno(errno, "writing config vars");
  }
  trees_.give(folder, kReadByUser, Depth::whole);
}

void BuildFolder::adoptBuildpack(std::size_t index) {
  const fs::path folder = buildpack(index);
  // A fetch fills an empty one.
  if (!fs::exists(folder)) makeFolder(folder, 0755);
  trees_.give(folder, kUser, Depth::whole);
  mount(folder, buildpackPath(index), false);
}

void BuildFolder::keepCache() {
  fs::create_directories(keptCache_.parent_path());
  const fs::path mine = overlaid_ ? cacheChanges() / "upper" : root() / "cache";
  takeForMoving(trees_, mine);
  if (overlaid_) {
    fs::rename(mine, cacheMerge());
    return finishCacheMerge();
  }
  const bool exchanged = fs::exists(keptCache_);
  if (exchanged) takeForMoving(trees_, keptCache_);
  const unsigned flags = exchanged ? RENAME_EXCHANGE : RENAME_NOREPLACE;
  if (::renameat2(AT_FDCWD, mine.c_str(), AT_FDCWD, keptCache_.c_str(), flags) != 0) {
    base::throwErrno(errno, "keeping the build cache");
  }
}

}  // namespace builder::detail
