// The hosts of the operator's proxies.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "sandbox/container.h"

namespace builder::detail {

/// Of the http_proxy, https_proxy and all_proxy variables among these (in small or capital letters); what
/// cannot be read is left out. A URL without a port means 80, or 443 with https.
std::vector<sandbox::AllowedHost> proxyHosts(
    const std::vector<std::pair<std::string, std::string>>& environment);

}  // namespace builder::detail
