// git push, the server's side. (gitprotocol-pack, "Pushing Data To a Server".)
#pragma once

#include "gitd/detail/service.h"

namespace gitd::detail {

/// Serves one git-receive-pack from the advertisement to the report; returns the exit status. Runs on the
/// worker's thread. Throws cancelled when the client is gone, invalidArgument for what is not the protocol.
int receivePack(const ServiceContext& context, const RepositoryAccess& repository);

}  // namespace gitd::detail
