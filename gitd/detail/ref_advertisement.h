// The list of refs that both services begin with. (gitprotocol-pack, "Reference Discovery".)
#pragma once

#include <git2/types.h>

#include <optional>
#include <string>
#include <vector>

namespace gitd::detail {

struct AdvertisedRef {
  std::string name;
  std::string id;
  std::optional<std::string> peeled;  ///< what an annotated tag points to; only when asked for
};

enum class Peel { no, yes };

/// All refs below refs/, by name; symbolic ones as what they point to, broken ones left out.
std::vector<AdvertisedRef> listRefs(git_repository* repository, Peel peel);

/// The ref that HEAD points to, whether it exists or not; nullopt when HEAD is not symbolic.
std::optional<std::string> headTarget(git_repository* repository);

}  // namespace gitd::detail
