// The HTTP router in front of the processes.
#pragma once

#include <chrono>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace sandbox {
class HostPrograms;
}

namespace runner {

struct Route {
  enum class State { serving, starting, crashed, maintenance };
  std::vector<std::string> hosts;  ///< "hello.localhost"; "*.example.com" is every name one level below, for
                                   ///< which there is no other
  std::vector<std::string> backends;  ///< "10.210.0.5:5000"; empty: a page (503) of `state`
  State state = State::serving;  ///< without backends: "no process is running", or that they are starting or
                                 ///< have crashed; maintenance: a page of that, whatever the backends
  auto operator<=>(const Route&) const = default;
};

/// Thread-safe.
class Router {
 public:
  virtual ~Router() = default;
  /// Replaces all routes in one step; requests in flight finish on their old backend. A host without a route
  /// gets 404 "no such app".
  virtual void apply(const std::vector<Route>& routes) = 0;
  /// "HOST:PORT" where it listens.
  virtual std::string address() const = 0;
  /// Where the TLS front listens; empty without one.
  virtual std::string tlsAddress() const { return ""; }
  /// Where apps are served with TLS; empty without it.
  virtual std::string httpsAddress() const { return ""; }
  virtual void stop() = 0;
};

/// TLS in front of the daemon's own HTTP listener.
struct TlsFront {
  std::string listen;                      ///< setting https_listen: HOST:PORT, port 0 for any
  std::filesystem::path certificate;       ///< setting tls_certificate: PEM, with the intermediate ones
  std::filesystem::path key;               ///< setting tls_key: PEM
  std::string backend;                     ///< HOST:PORT
  std::chrono::milliseconds look{60'000};  ///< how often it is looked whether the files are others
};

/// TLS in front of the apps.
struct AppsTls {
  std::string listen;                 ///< setting router_https_listen: HOST:PORT, port 0 for any
  std::filesystem::path certificate;  ///< setting router_certificate: PEM, with the intermediate ones; for
                                      ///< the hosts that it names, as *.DOMAIN. Empty: none
  std::filesystem::path key;          ///< setting router_key: PEM
  std::string domain;                 ///< apps are served at APP.domain
  std::string acmeDirectory;          ///< setting acme_directory: URL, or "internal": Caddy's own authority
  std::string acmeEmail;              ///< setting acme_email; empty: none
  std::filesystem::path
      acmeCa;            ///< setting acme_ca: PEM; who signed the directory's own certificate; empty: known
  bool redirect = true;  ///< setting router_redirect: from HTTP to here
};

struct CaddyConfig {
  std::string listen = "127.0.0.1:8080";  ///< HOST:PORT, port 0 for any
  std::optional<TlsFront> tls = std::nullopt;
  std::optional<AppsTls> appsTls = std::nullopt;
  std::filesystem::path folder;  ///< DIR/run/router: configuration, routes, pid file; folder/caddy is where
                                 ///< Caddy writes
  std::string program = "caddy";
  /// Setting router_user: the account of this machine that Caddy runs as. Who makes the router is root or has
  /// the account's group. Empty: who starts it.
  std::string user;
};

/// Caddy, with its admin API on a unix socket in `folder` and the routes as files there, which it reads for
/// every request (detail/route_files.h tells why), so that a change disturbs no connection. It runs in a
/// session of its own and serves on while the daemon restarts; a running one is adopted, a dead one is
/// started anew with the last routes as soon as it has ended. Certificate files that change are read again.
/// `programs` starts it as "router" (router_program.h) and opens the files that settings name; it outlives
/// the router. Throws invalidArgument for certificate files that cannot be read or are none, unavailable with
/// what to install, or the address that is taken.
std::unique_ptr<Router> makeCaddyRouter(const CaddyConfig& config, sandbox::HostPrograms& programs);

}  // namespace runner
