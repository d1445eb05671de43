// What Caddy is told, once: everything that changes later is in RouteFiles.
#pragma once

#include <string>

namespace runner::detail {

/// Caddy's configuration as JSON. Its paths are relative: Caddy runs in the router's folder. `listen` is
/// HOST:PORT.
std::string caddyConfig(const std::string& listen);

}  // namespace runner::detail
