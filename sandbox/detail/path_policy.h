// What of the host a container may be given: decided by the operator's settings alone.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "base/fd.h"
#include "sandbox/container.h"
#include "sandbox/supervisor.h"

namespace sandbox {

/// A spec whose host paths are held open and named by those descriptors ("/proc/self/fd/N"): what was looked
/// at is what is used, whoever renames meanwhile. The spec is good while the object lives.
struct HeldSpec {
  ContainerSpec spec;
  std::vector<base::Fd> held;
};

/// The name of a file in its folder, which is held open: what lies on the way there cannot change any more.
struct HeldPath {
  std::filesystem::path path;
  base::Fd folder;
};

/// Immutable, thread-safe. What is refused is Error(permissionDenied), in one sentence.
class PathPolicy {
 public:
  /// Throws when there is no data folder.
  explicit PathPolicy(const SupervisorSettings& settings);

  /// Layers have to lie in layerFolders; what is mounted in mountFolders or operatorFolders, or it is one of
  /// operatorFiles, or a terminal that the container's user owns. No symlink is followed within those.
  HeldSpec hold(const ContainerSpec& spec) const;
  /// What ForeignTrees is asked for: it has to lie in mountFolders or layerFolders.
  HeldPath holdTree(const std::filesystem::path& path) const;
  /// The same; nullopt when its folder is not there.
  std::optional<HeldPath> findTree(const std::filesystem::path& path) const;
  /// A container's log: it has to lie in logFolders, and to be a file where it is there.
  HeldPath holdLog(const std::filesystem::path& path) const;
  bool isLog(const std::filesystem::path& path) const;
  /// Opens a file that the daemon may read (readableFiles).
  base::Fd openReadable(const std::filesystem::path& path) const;

 private:
  class Holder;
  HeldPath holdPath(const std::filesystem::path& path,
                    const std::vector<const std::vector<std::string>*>& folders) const;
  /// Its path below the data folder, when it lies in one of these.
  std::optional<std::string> allowed(const std::filesystem::path& path,
                                     const std::vector<std::string>& folders) const;
  /// O_PATH.
  base::Fd openBelowData(const std::filesystem::path& path, const std::vector<std::string>& folders,
                         const std::string& refusal) const;
  base::Fd openSource(const std::filesystem::path& path, const std::string& target) const;
  base::Fd openTerminal(const std::filesystem::path& path, std::uint32_t owner) const;

  const SupervisorSettings settings_;
  const base::Fd data_;
};

}  // namespace sandbox
