// What builds take over from this machine.
#pragma once

#include <string>
#include <utility>
#include <vector>

namespace server {

/// Proxy variables of this process (http_proxy and so on, both spellings), its mirrors of the languages' own
/// sites (PIP_INDEX_URL, GOPROXY, ...), and the npm registry that this machine is configured for
/// (npm_config_registry, ~/.npmrc, /etc/npmrc).
std::vector<std::pair<std::string, std::string>> hostEnvironment();

}  // namespace server
