// git clone and git fetch, the server's side. (gitprotocol-pack, "Fetching Data From a Server";
// gitprotocol-v2.)
#pragma once

#include "gitd/detail/service.h"

namespace gitd::detail {

/// Serves one git-upload-pack in the protocol that the client asked for; returns the exit status. Runs on the
/// worker's thread. Throws cancelled when the client is gone, invalidArgument for what is not the protocol.
int uploadPack(const ServiceContext& context, const RepositoryAccess& repository);

}  // namespace gitd::detail
