#include <netinet/in.h>
#include <pthread.h>
#include <sys/socket.h>

#include <Poco/Exception.h>
#include <Poco/Net/SocketAddress.h>

#include <cerrno>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <stop_token>
#include <thread>
#include <utility>

#include "base/atomic_file.h"
#include "base/digest.h"
#include "base/error.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/strings.h"
#include "runner/detail/caddy_config.h"
#include "runner/detail/caddy_process.h"
#include "runner/detail/route_files.h"
#include "runner/router.h"

namespace runner {
namespace {

using base::Errc;
using base::Error;
using Poco::Net::SocketAddress;

constexpr int kPortAttempts = 5;
constexpr std::size_t kMaxCertificate = 1u << 20;

SocketAddress parseAddress(const std::string& listen) {
  try {
    return SocketAddress(listen);
  } catch (const Poco::Exception&) {
    throw Error(Errc::invalidArgument,
                "router address \"" + base::printable(listen) + "\" must be HOST:PORT");
  }
}

/// The address as bound, 0 replaced by a free port; nullopt when it is taken. Caddy binds with SO_REUSEPORT
/// and would silently share the port with another Caddy, so we look ourselves.
std::optional<std::string> tryBind(const SocketAddress& address) {
  const base::Fd fd(::socket(address.af(), SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!fd.valid()) base::throwErrno(errno, "opening the router's address");
  const int on = 1;
  ::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (::bind(fd.get(), address.addr(), address.length()) != 0) {
    if (errno == EADDRINUSE) return std::nullopt;
    if (errno == EACCES)
      throw Error(Errc::permissionDenied,
                  "no right to listen on " + address.toString() + ": choose a port above 1023");
    throw Error(Errc::unavailable,
                "cannot listen on " + address.toString() + ": it is no address of this machine");
  }
  if (::listen(fd.get(), 1) != 0) return std::nullopt;
  sockaddr_storage bound{};
  socklen_t length = sizeof bound;
  if (::getsockname(fd.get(), reinterpret_cast<sockaddr*>(&bound), &length) != 0)
    base::throwErrno(errno, "opening the router's address");
  return SocketAddress(reinterpret_cast<const sockaddr*>(&bound), length).toString();
}

/// See makeCaddyRouter(). Thread-safe: one change at a time, so that the last caller's routes are the ones
/// that stay.
class CaddyRouter : public Router {
 public:
  explicit CaddyRouter(const CaddyConfig& config)
      : folder_(prepare(config.folder)),
        wanted_(parseAddress(config.listen)),
        front_(config.tls),
        files_(folder_),
        process_(folder_, config.program) {
    if (front_) tls_ = openFront();
    ensureRunning();
    if (!front_) return;
    certificateWatch_ = std::jthread([this](const std::stop_token& stop) {
      ::pthread_setname_np(::pthread_self(), "certificates");
      watchCertificates(stop);
    });
  }

  void apply(const std::vector<Route>& routes) override {
    const std::lock_guard lock(mutex_);
    files_.apply(routes);
    ensureRunning();
  }

  std::string address() const override {
    const std::lock_guard lock(mutex_);
    return address_;
  }

  std::string tlsAddress() const override {
    const std::lock_guard lock(mutex_);
    return tls_ ? tls_->listen : "";
  }

  void stop() override {
    certificateWatch_ = {};
    const std::lock_guard lock(mutex_);
    process_.stop();
  }

 private:
  static std::filesystem::path prepare(const std::filesystem::path& folder) {
    std::filesystem::create_directories(folder);
    std::filesystem::permissions(
        folder, std::filesystem::perms::owner_all);  // who reaches the admin socket, rules the router
    return std::filesystem::absolute(folder);
  }

  /// The front's address, free or that of the Caddy that runs, and the files as they are now.
  detail::TlsListener openFront() {
    const SocketAddress wanted = parseAddress(front_->listen);
    const std::string saved = readSmall("https_address");
    std::string address;
    const bool wasThis =
        !saved.empty() &&
        (saved == wanted.toString() || (wanted.port() == 0 && parseAddress(saved).host() == wanted.host()));
    if (wasThis && process_.isRunning()) {
      address = saved;
    } else {
      auto bound = wasThis ? tryBind(parseAddress(saved)) : std::nullopt;
      if (!bound) bound = tryBind(wanted);
      if (!bound)
        throw Error(Errc::unavailable,
                    "the address " + wanted.toString() +
                        " is taken: stop what listens there or choose another https_listen");
      address = *bound;
    }
    base::writeFileAtomically(folder_ / "https_address", address);
    return {.listen = address,
            .certificate = std::filesystem::absolute(front_->certificate).string(),
            .key = std::filesystem::absolute(front_->key).string(),
            .version = certificateVersion(),
            .backend = front_->backend};
  }

  std::string certificateVersion() const {
    std::string bytes;
    for (const auto& [file, setting] :
         {std::pair{front_->certificate, "tls_certificate"}, std::pair{front_->key, "tls_key"}}) {
      std::error_code missing;
      if (!std::filesystem::is_regular_file(file, missing))
        throw Error(Errc::invalidArgument, "https_listen needs a certificate and its key in PEM files, but " +
                                               std::string(setting) + " \"" + file.string() +
                                               "\" is no file");
      bytes += base::Digest::of(base::readFile(file, kMaxCertificate)).str();
    }
    return base::Digest::of(bytes).hex().substr(0, 16);
  }

  /// A certificate is renewed by putting another file in its place.
  void watchCertificates(const std::stop_token& stop) {
    while (true) {
      {
        std::unique_lock lock(mutex_);
        tick_.wait_for(lock, stop, front_->look, [] { return false; });
      }
      if (stop.stop_requested()) return;
      try {
        renewCertificate();
      } catch (const base::Error& error) {
        log_.error("certificate not taken, the one before stays", {{"error", error.what()}});
      }
    }
  }

  void renewCertificate() {
    const std::lock_guard lock(mutex_);
    const std::string version = certificateVersion();
    if (version == tls_->version) return;
    auto renewed = tls_;
    renewed->version = version;
    process_.load(detail::caddyConfig(address_, renewed));
    tls_ = renewed;
    use(address_);
    log_.info("certificate renewed", {{"file", tls_->certificate}});
  }

  void ensureRunning() {
    const bool runs = process_.isRunning();
    if (runs && !address_.empty()) return;
    const std::string saved = readSmall("address");
    if (!runs) {
      start(saved);
    } else if (saved.empty() || (wanted_.port() != 0 && saved != wanted_.toString()) ||
               !isWantedHost(saved)) {
      const std::string address = chooseAddress("");
      process_.load(detail::caddyConfig(address, tls_));
      use(address);
    } else {
      address_ = saved;
      const std::string config = detail::caddyConfig(saved, tls_);
      if (config != readSmall("caddy.json")) process_.load(config);
      use(saved);
    }
  }

  void start(const std::string& saved) {
    if (!address_.empty()) log_.warn("router ended, starting it again", {{"address", address_}});
    std::optional<std::string> failure;
    // Another process may take the free port between our look and Caddy's.
    for (int attempt = 0; attempt < kPortAttempts; ++attempt) {
      use(chooseAddress(address_.empty() ? saved : address_));
      failure = process_.start(address_);
      if (!failure || wanted_.port() != 0) break;
    }
    if (failure) throw Error(Errc::unavailable, "the router did not start: " + *failure);
  }

  bool isWantedHost(const std::string& address) const {
    return parseAddress(address).host() == wanted_.host();
  }

  std::string chooseAddress(const std::string& preferred) const {
    if (wanted_.port() == 0 && !preferred.empty() && isWantedHost(preferred)) {
      if (const auto again = tryBind(parseAddress(preferred))) return *again;
    }
    const auto bound = tryBind(wanted_);
    if (!bound) {
      throw Error(Errc::unavailable,
                  "the router's address " + wanted_.toString() +
                      " is taken: stop what listens there or choose another with --router-listen");
    }
    return *bound;
  }

  void use(const std::string& address) {
    address_ = address;
    base::writeFileAtomically(folder_ / "caddy.json", detail::caddyConfig(address, tls_));
    base::writeFileAtomically(folder_ / "address", address);
  }

  std::string readSmall(const char* name) const {
    return std::filesystem::exists(folder_ / name) ? base::readFile(folder_ / name) : std::string();
  }

  mutable std::mutex mutex_;
  const std::filesystem::path folder_;
  const SocketAddress wanted_;
  const std::optional<TlsFront> front_;
  std::optional<detail::TlsListener> tls_;
  std::string address_;
  detail::RouteFiles files_;
  detail::CaddyProcess process_;
  base::Log log_{"runner"};
  std::condition_variable_any tick_;
  std::jthread certificateWatch_;  // last
};

}  // namespace

std::unique_ptr<Router> makeCaddyRouter(const CaddyConfig& config) {
  return std::make_unique<CaddyRouter>(config);
}

}  // namespace runner
