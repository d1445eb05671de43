// git fetch in protocols 0 and 1. (gitprotocol-pack, "Packfile Negotiation".)
#pragma once

#include "git/detail/fetch.h"

namespace git::detail {

/// Refs, capabilities, where the repository's own history is cut.
void advertiseV0(const FetchContext& context, const AdvertisedRefs& refs);
/// From the wants to the pack. Returns when the client wants nothing.
void serveFetchV0(const FetchContext& context, const AdvertisedRefs& refs);

}  // namespace git::detail
