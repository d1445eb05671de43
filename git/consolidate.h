// Fewer packs: what many pushes left becomes one, in the background.
#pragma once

#include <cstdint>
#include <filesystem>
#include <stop_token>
#include <vector>

#include "git/repository.h"

namespace git {

struct ConsolidateOptions {
  /// So many packs of one size class are joined (a class holds sizes within a factor of four), so that a
  /// repository has few packs and a byte is copied only as often as the logarithm of the repository's size.
  /// Below 2: never.
  std::size_t packsPerClass = 8;
  std::stop_token stop{};
};

struct Consolidated {
  std::vector<std::filesystem::path> superseded;  ///< indexes of packs whose objects are in the new one
  std::filesystem::path index;                    ///< of the new pack
  std::uint64_t objects = 0;
  std::uint64_t bytes = 0;  ///< of the new pack
};

/// Joins the packs of the smallest size class that has enough of them; entries are copied as they are stored,
/// nothing is inflated. The new pack is durable when this returns, and another reader (verify_pack.h) found
/// every object in it; the old ones stay for readers that have
/// them in their lists, until removeSuperseded(). Packs marked .keep or .promisor are left alone. Nothing
/// happens (no superseded packs) when no class is full. One call at a time in a repository; pushes and
/// fetches may go on. Throws corrupt for a damaged pack, cancelled, io.
Consolidated consolidatePacks(const Repository& repository, const ConsolidateOptions& options);

/// Removes what was superseded, each index before its pack: without it nobody looks for the pack. Nothing is
/// removed when the new pack is not there any more: then the repository is another one of the same name.
void removeSuperseded(const Consolidated& done);

}  // namespace git
