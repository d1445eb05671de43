// What Caddy is told, once: everything that changes later is in RouteFiles.
#pragma once

#include <optional>
#include <string>

namespace runner::detail {

/// A listener that speaks TLS and passes everything on to the daemon's own.
struct TlsListener {
  std::string listen;       ///< HOST:PORT
  std::string certificate;  ///< PEM file, absolute
  std::string key;
  std::string version;  ///< of the two files: another one makes another configuration
  std::string backend;  ///< HOST:PORT
};

/// Caddy's configuration as JSON. Its paths are relative: Caddy runs in the router's folder. `listen` is
/// HOST:PORT.
std::string caddyConfig(const std::string& listen, const std::optional<TlsListener>& tls = std::nullopt);

}  // namespace runner::detail
