// The parts of Caddy's configuration that are about certificates.
#pragma once

#include "runner/detail/caddy_config.h"
#include "runner/detail/caddy_json.h"

namespace runner::detail {

/// Caddy's app "tls": the certificates in files, and those that it gets itself.
CaddyValue tlsApp(const CaddyListeners& listeners);

/// The server that answers whether a host may have a certificate: 200 or 404.
CaddyValue askServer(const std::string& listen);

/// Sends clients of a host that has an app to the listener with TLS (308: method and body stay).
CaddyValue redirectTo(const std::string& httpsAddress);

}  // namespace runner::detail
