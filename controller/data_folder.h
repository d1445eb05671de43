// Where things lie below the data folder. docs/on-disk.md describes each.
#pragma once

#include <filesystem>
#include <string>

#include "store/model.h"

namespace controller {

/// Paths only; immutable.
class DataFolder {
 public:
  explicit DataFolder(std::filesystem::path root) : root_(std::move(root)) {}
  const std::filesystem::path& root() const noexcept { return root_; }
  std::filesystem::path database() const { return root_ / "fairlead.db"; }
  std::filesystem::path socket() const { return root_ / "fairlead.sock"; }
  std::filesystem::path readyFile() const { return root_ / "ready.json"; }
  std::filesystem::path lockFile() const { return root_ / "serve.lock"; }
  std::filesystem::path repositories() const { return root_ / "repos"; }
  std::filesystem::path repository(const store::AppName& app) const {
    return root_ / "repos" / (app.str() + ".git");
  }
  std::filesystem::path blobs() const { return root_ / "blobs"; }
  std::filesystem::path uploads() const { return blobs() / "sessions"; }
  std::filesystem::path scrubState() const { return root_ / "scrub.json"; }
  std::filesystem::path layers() const { return root_ / "layers"; }
  std::filesystem::path caches() const { return root_ / "cache"; }
  /// All caches of an app; below it one for each value of STACK.
  std::filesystem::path cache(const store::AppName& app) const { return root_ / "cache" / app.str(); }
  std::filesystem::path cache(const store::AppName& app, const std::string& stack) const {
    return cache(app) / stack;
  }
  /// An app's own volumes, by its uuid: another name moves nothing.
  std::filesystem::path volumes(const std::string& app) const { return allVolumes() / app; }
  std::filesystem::path allVolumes() const { return root_ / "volumes"; }
  std::filesystem::path buildpacks() const { return root_ / "buildpacks"; }
  std::filesystem::path keys() const { return root_ / "keys"; }
  std::filesystem::path urlKey() const { return keys() / "url_signing_key"; }
  std::filesystem::path registryLogins() const { return keys() / "registries.json"; }
  std::filesystem::path bearerKey() const { return keys() / "registry_bearer_key"; }
  std::filesystem::path sources() const { return root_ / "sources"; }
  std::filesystem::path appLogs() const { return root_ / "logs" / "apps"; }
  std::filesystem::path buildLogs(const store::AppName& app) const {
    return root_ / "logs" / "builds" / app.str();
  }
  std::filesystem::path buildLog(const store::AppName& app, std::int64_t number) const {
    return buildLogs(app) / (std::to_string(number) + ".log");
  }
  std::filesystem::path gitSocket() const { return root_ / "run" / "git.sock"; }
  std::filesystem::path imports() const { return root_ / "run" / "imports"; }
  std::filesystem::path run() const { return root_ / "run"; }
  std::filesystem::path builds() const { return root_ / "run" / "builds"; }
  std::filesystem::path oneOffs() const { return root_ / "run" / "one-offs"; }
  std::filesystem::path processes() const { return root_ / "run" / "processes"; }
  std::filesystem::path router() const { return root_ / "run" / "router"; }

 private:
  std::filesystem::path root_;
};

}  // namespace controller
