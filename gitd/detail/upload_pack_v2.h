// git fetch in protocol version 2. (gitprotocol-v2.)
#pragma once

#include "gitd/detail/service.h"

namespace gitd::detail {

/// As uploadPack().
int uploadPackV2(const ServiceContext& context, const RepositoryAccess& repository);

}  // namespace gitd::detail
