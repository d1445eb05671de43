// Repositories on disk: making, reading refs and trees, accepting quarantined objects, moving refs.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>

#include "git/quarantine.h"
#include "git/repository.h"

namespace gitd {

/// Initialises and shuts down libgit2 (ownership checks on, the machine's own git configuration off). Make
/// one first in main; everything else in gitd needs it alive.
class GitLibrary {
 public:
  GitLibrary();
  ~GitLibrary();
  GitLibrary(const GitLibrary&) = delete;
  GitLibrary& operator=(const GitLibrary&) = delete;
};

using git::createRepository;
using git::Quarantine;

/// Ends what a killed daemon left in a repository: quarantines, locks and half-done changes of refs.
void sweepQuarantines(const std::filesystem::path& repository);

struct ExportOptions {
  std::uint32_t uid = 0;  ///< owner of everything written
  std::uint32_t gid = 0;
  std::uint64_t maxFiles = 200'000;  ///< setting export_max_files
  std::uint64_t maxBytes =
      2ull << 30;  ///< setting export_max_bytes: counted over the expanded tree before anything is written
  std::uint32_t maxDepth = 128;
  std::stop_token stop;
};

struct ExportStats {
  std::uint64_t files = 0;
  std::uint64_t bytes = 0;
  std::uint64_t submodules = 0;   ///< gitlinks: left as empty folders
  std::uint64_t lfsPointers = 0;  ///< files that stand for content in Git LFS, which is not here
};

/// Writes the commit's tree below the existing empty `folder`: files 0644 or 0755, folders 0755, symlinks
/// verbatim and never followed, no ".git" in any spelling. Objects come from the repository and from
/// `quarantine` when given. Throws invalidArgument naming the setting for a limit, corrupt for a missing
/// object, cancelled.
ExportStats exportTree(const std::filesystem::path& repository, const Quarantine* quarantine,
                       const std::string& commit, const std::filesystem::path& folder,
                       const ExportOptions& options);

/// True when `commit` is `ancestor` or descends from it. Objects as for exportTree; throws corrupt for a
/// missing one.
bool isAncestor(const std::filesystem::path& repository, const Quarantine* quarantine,
                const std::string& ancestor, const std::string& commit);

/// The ref's commit id, or nullopt.
std::optional<std::string> readRef(const std::filesystem::path& repository, const std::string& ref);
/// Compare-and-swap, durable: throws conflict when the ref does not say `oldId` (nullopt: must not exist).
void updateRef(const std::filesystem::path& repository, const std::string& ref,
               const std::optional<std::string>& oldId, const std::string& newId);
/// Sets the ref whatever it says (recovery after a crash). The object must exist.
void forceRef(const std::filesystem::path& repository, const std::string& ref, const std::string& newId);
void setHead(const std::filesystem::path& repository, const std::string& ref);
/// First line of the commit's message, printable.
std::string commitSubject(const std::filesystem::path& repository, const Quarantine* quarantine,
                          const std::string& commit);

}  // namespace gitd
