// git push over SSH: what a push means to Fairlead.
#pragma once

#include "gitd/detail/service.h"

namespace gitd::detail {

/// Serves one git-receive-pack from the advertisement to the report; returns the exit status. The handler is
/// asked about every ref before anything is stored, and decides about those whose objects are complete. Runs
/// on the worker's thread. Throws cancelled when the client is gone, invalidArgument for what is not the
/// protocol.
int receivePack(const ServiceContext& context, const RepositoryAccess& repository);

}  // namespace gitd::detail
