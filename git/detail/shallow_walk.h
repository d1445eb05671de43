// Where a client's history is to be cut off. (gitprotocol-pack, "Shallow".)
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "git/detail/history.h"

namespace git::detail {

inline constexpr std::uint32_t kInfiniteDepth = 0x7fffffff;

/// Flags what is nearer than `depth` to a head as unshallowed and gives what is at it, or at the end of the
/// repository's own history, flagged newShallow.
std::vector<History::Node> cutAtDepth(History& history, const std::vector<History::Node>& heads,
                                      std::uint32_t depth);

struct CutRule {
  std::optional<std::uint64_t> since;   ///< only commits that are not older
  std::vector<History::Node> excluded;  ///< nothing that leads from here
};
/// The same for a rule. Throws invalidArgument when no commit is left.
std::vector<History::Node> cutByRule(History& history, const std::vector<History::Node>& heads,
                                     const CutRule& rule);

/// The client's shallow commits that the heads lead to.
std::vector<History::Node> reachableShallows(History& history, const std::vector<History::Node>& heads);

}  // namespace git::detail
