// A build's source on the disk: a commit's tree, or what a tarball holds.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "base/fd.h"
#include "builder/builder.h"
#include "controller/build_run.h"

namespace controller {

struct SourceLimits {
  std::uint64_t maxFiles = 200'000;            ///< setting export_max_files
  std::uint64_t maxBytes = 2ull << 30;         ///< setting export_max_bytes
  std::uint64_t maxDepth = 128;                ///< setting export_max_depth
  std::uint64_t maxTarballBytes = 1ull << 30;  ///< setting source_max_bytes
};

struct SourceTree {
  std::filesystem::path folder;  ///< where it was put, or the one folder in there
  std::vector<builder::Submodule> submodules;
};

/// Of a run with a push, to an empty folder. Throws what gitd::exportTree throws; warns in the log of Git LFS
/// pointers.
SourceTree exportCommit(BuildRun& run, const std::filesystem::path& folder, const SourceLimits& limits);
/// Of a run with a tarball, whose checksum is compared first, to an empty folder. Throws what
/// base::unpackSource throws, invalidArgument for another checksum.
SourceTree unpackTarball(BuildRun& run, const base::Fd& tarball, const std::filesystem::path& folder,
                         const SourceLimits& limits);

/// Whether a version is the id of a commit: 40 or 64 hex digits.
bool isCommitId(std::string_view version);
/// A URL as it may be stored: without a user, a password, a query and a fragment.
std::string withoutSecrets(const std::string& url);

}  // namespace controller
