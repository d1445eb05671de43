// What Caddy is told, once: everything that changes later is in RouteFiles.
#pragma once

#include <optional>
#include <string>

#include "runner/router.h"

namespace runner::detail {

/// How long the router keeps a connection to a process that nothing is asked over. Short, so that soon after
/// a process was taken out of the routes every connection to it is one that is used (BackendConnections), and
/// shorter than web servers keep theirs (gunicorn 2 s, Node.js 5 s): else a request could go out on a
/// connection that the process is closing, which fails those that cannot be repeated. Connecting anew costs
/// 0.1 ms here.
inline constexpr int kIdleBackendS = 1;

/// A listener that speaks TLS and passes everything on to the daemon's own.
struct TlsListener {
  std::string listen;       ///< HOST:PORT
  std::string certificate;  ///< PEM, with the intermediate ones: Caddy may not read every file
  std::string key;          ///< PEM
  std::string backend;      ///< HOST:PORT
};

/// The apps' listener with TLS. Caddy gets a certificate for a host when a client asks for it the first time,
/// and only for hosts in the routes: it asks itself, at `ask`, and looks at the same files as for a request.
struct AppsTlsListener {
  AppsTls settings;         ///< listen as bound, acmeCa as a name in the router's folder
  std::string ask;          ///< HOST:PORT on the loopback interface
  std::string certificate;  ///< PEM; empty: none
  std::string key;
};

struct CaddyListeners {
  std::string apps;  ///< HOST:PORT
  std::optional<TlsListener> daemon = std::nullopt;
  std::optional<AppsTlsListener> appsTls = std::nullopt;
};

/// Caddy's configuration as JSON. Its paths are relative: Caddy runs in the router's folder.
std::string caddyConfig(const CaddyListeners& listeners);

}  // namespace runner::detail
