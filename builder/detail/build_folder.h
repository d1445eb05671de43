// One build's folder on the host and what the containers see of it.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "builder/builder.h"
#include "builder/detail/trash.h"
#include "sandbox/foreign_trees.h"

namespace builder::detail {

/// Throws a tree away when it goes, and what an earlier one of that name left when it comes.
class TreeGuard {
 public:
  TreeGuard(std::filesystem::path path, Trash& trash);
  ~TreeGuard();
  TreeGuard(const TreeGuard&) = delete;
  TreeGuard& operator=(const TreeGuard&) = delete;
  const std::filesystem::path& path() const noexcept { return path_; }

 private:
  std::filesystem::path path_;
  Trash& trash_;
};

/// Below `workFolder`/ID: tmp, var-tmp, app, build, cache, env and buildpacks/N, each a mount of its own:
/// what a container cannot rename, the host can trust to be where it was. The folder is this process's; what
/// containers write in is lent to their user. One thread at a time.
class BuildFolder {
 public:
  struct Parts {
    const std::filesystem::path& workFolder;
    sandbox::ForeignTrees& trees;
    Trash& trash;
  };
  /// Takes `input.source`, writes the config vars. Throws io.
  BuildFolder(const Parts& parts, const BuildInput& input);

  /// All that the build can write lies below it.
  const std::filesystem::path& path() const { return root(); }
  std::filesystem::path build() const { return root() / "build"; }
  /// The source is the build user's from now on, for containers to change, or this process's again.
  void giveSource();
  void takeSourceBack();
  /// What the containers see as /tmp.
  std::filesystem::path temporary() const { return root() / "tmp"; }
  /// Where the buildpack number `index` is to be put, before any container runs.
  std::filesystem::path buildpack(std::size_t index) const {
    return root() / "buildpacks" / std::to_string(index);
  }
  /// Gives the build the app's cache, before any container runs: what it changes there lies aside until
  /// keepCache(). Finishes what a killed daemon left of that.
  void takeCache();
  /// Hands a buildpack that was put there to the build user and gives it its place in the containers.
  void adoptBuildpack(std::size_t index);

  /// Paths in the containers.
  std::string buildPath() const { return place_ == BuildPlace::app ? "/app" : "/tmp/build_" + hash_; }
  std::string homePath() const { return place_ == BuildPlace::app ? "/tmp/home_" + hash_ : "/app"; }
  std::string cachePath() const { return "/tmp/cache_" + hash_; }
  std::string envPath() const { return "/tmp/env_" + hash_; }
  std::string buildpackPath(std::size_t index) const {
    return "/tmp/buildpacks_" + hash_ + "/" + std::to_string(index);
  }
  /// Parents first.
  const std::vector<sandbox::Mount>& mounts() const { return mounts_; }

  /// From now on the app's cache is what the build made of it. A kill on the way leaves the rest to the next
  /// takeCache().
  void keepCache();

 private:
  const std::filesystem::path& root() const { return guard_.path(); }
  void takeSource(const BuildInput& input);
  void writeConfig(const store::ConfigVars& config);
  void mount(const std::filesystem::path& source, const std::string& target, bool readOnly);

  std::filesystem::path cacheChanges() const { return root() / "cache-changes"; }
  /// Where the changes are while they are merged.
  std::filesystem::path cacheMerge() const { return keptCache_.string() + "~"; }
  void finishCacheMerge();

  TreeGuard guard_;
  sandbox::ForeignTrees& trees_;
  Trash& trash_;
  std::filesystem::path keptCache_;  // itself this process's: what a build has over it is the overlay's
  bool useCache_;
  bool overlaid_ = false;  // the build sees the kept cache through an overlay
  BuildPlace place_;
  std::string hash_;
  std::vector<sandbox::Mount> mounts_;
};

}  // namespace builder::detail
