// The list of refs in protocol 2. (gitprotocol-v2, ls-refs.)
#pragma once

#include <string>
#include <vector>

#include "git/detail/fetch.h"

namespace git::detail {

/// Throws invalidArgument for an argument that is none.
void listRefsV2(const FetchContext& context, const std::vector<std::string>& arguments);

}  // namespace git::detail
