// Repositories on disk: making, reading refs and trees, accepting quarantined objects, moving refs.
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>

#include "git/export_tree.h"
#include "git/object_database.h"
#include "git/quarantine.h"
#include "git/repository.h"

namespace gitd {

using git::createRepository;
using git::Quarantine;

/// Ends what a killed daemon left in a repository: quarantines, locks and half-done changes of refs.
void sweepQuarantines(const std::filesystem::path& repository);

/// The repository's objects, with those of `quarantine` when given. Throws notFound, corrupt.
std::unique_ptr<git::ObjectDatabase> openObjects(const std::filesystem::path& repository,
                                                 const Quarantine* quarantine);

/// git::exportTree() of the commit's tree.
git::ExportStats exportTree(const std::filesystem::path& repository, const Quarantine* quarantine,
                            const std::string& commit, const std::filesystem::path& folder,
                            const git::ExportOptions& options);

/// True when `commit` is `ancestor` or descends from it. Throws corrupt for a missing object.
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

}  // namespace gitd
