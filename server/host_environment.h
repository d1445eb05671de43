// What builds take over from this machine.
#pragma once

#include <string>
#include <utility>
#include <vector>

namespace server {

/// Proxy variables of this process (http_proxy and so on, both spellings) and the npm registry that this
/// machine is configured for (npm_config_registry, ~/.npmrc, /etc/npmrc).
std::vector<std::pair<std::string, std::string>> hostEnvironment();

}  // namespace server
