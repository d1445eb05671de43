// What receive-pack says first. (gitprotocol-pack, "Reference Discovery".)
#pragma once

#include <string>
#include <vector>

#include "git/receive_pack.h"

namespace git::detail {

struct PushAdvertisement {
  std::string text;
  std::vector<ObjectId> ids;  ///< each once
};
/// The whole advertisement, its flush included: refs that are not hidden, ".have" for the tips of alternates,
/// the capabilities, where the repository's own history is cut off.
PushAdvertisement pushAdvertisement(const RefStore& refs, const ReceiveSettings& settings);

/// Ids that refs of the repositories say whose objects this one borrows (objects/info/alternates).
std::vector<ObjectId> alternateTips(const Repository& repository);

}  // namespace git::detail
