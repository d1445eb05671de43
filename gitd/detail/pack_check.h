// Whether what arrived in a quarantine may ever become part of the repository.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

namespace gitd::detail {

struct PackVerdict {
  /// A sentence that names the object and git's check id; the whole pack is refused.
  std::optional<std::string> badObject;
  /// Something in the pack, or a tip, points to an object that is neither in the pack nor in the repository.
  std::optional<std::string> missingObject;
};

/// Checks every commit, tree and tag of the pack (git fsck's security rules) and that each of their links
/// ends in the pack or in the repository, with the right type. The repository is closed under reachability,
/// because only packs that passed this check ever get in, so no history is walked: the cost is that of the
/// pack. `tips` must exist as well. `index` may be absent (no objects came). Throws cancelled, corrupt, io.
PackVerdict checkPack(const std::filesystem::path& repository,
                      const std::optional<std::filesystem::path>& index, const std::vector<std::string>& tips,
                      const std::stop_token& stop);

}  // namespace gitd::detail
