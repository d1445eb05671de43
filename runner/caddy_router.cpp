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
#include <vector>

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
constexpr std::chrono::milliseconds kLookEvery{60'000};
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
        appsTls_(config.appsTls),
        files_(folder_),
        process_(folder_, config.program) {
    if (front_) listeners_.daemon = openFront();
    if (appsTls_) listeners_.appsTls = openAppsTls();
    ensureRunning();
    if (!front_ && !appsTls_) return;
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
    return listeners_.daemon ? listeners_.daemon->listen : "";
  }

  std::string httpsAddress() const override {
    const std::lock_guard lock(mutex_);
    return listeners_.appsTls ? listeners_.appsTls->settings.listen : "";
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

  /// An address besides the first, as bound: free, or that of the Caddy that runs. Kept in the file of that
  /// name.
  std::string openAddress(const char* file, const std::string& listen, const char* setting) {
    const SocketAddress wanted = parseAddress(listen);
    const std::string saved = readSmall(file);
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
        throw Error(Errc::unavailable, "the address " + wanted.toString() +
                                           " is taken: stop what listens there or choose another " + setting);
      address = *bound;
    }
    base::writeFileAtomically(folder_ / file, address);
    return address;
  }

  detail::TlsListener openFront() {
    return {.listen = openAddress("https_address", front_->listen, "https_listen"),
            .certificate = std::filesystem::absolute(front_->certificate).string(),
            .key = std::filesystem::absolute(front_->key).string(),
            .version = frontVersion(),
            .backend = front_->backend};
  }

  detail::AppsTlsListener openAppsTls() {
    AppsTls settings = *appsTls_;
    settings.listen = openAddress("apps_https_address", settings.listen, "router_https_listen");
    for (std::filesystem::path* file : {&settings.certificate, &settings.key, &settings.acmeCa}) {
      if (!file->empty()) *file = std::filesystem::absolute(*file);
    }
    return {.settings = settings,
            .ask = openAddress("ask_address", "127.0.0.1:0", "router_https_listen"),
            .version = appsVersion()};
  }

  std::string frontVersion() const {
    return versionOf({{"tls_certificate", front_->certificate}, {"tls_key", front_->key}});
  }

  std::string appsVersion() const {
    if (!appsTls_->acmeCa.empty()) versionOf({{"acme_ca", appsTls_->acmeCa}});
    if (appsTls_->certificate.empty() && appsTls_->key.empty()) return "";
    return versionOf({{"router_certificate", appsTls_->certificate}, {"router_key", appsTls_->key}});
  }

  /// Of the files that settings name.
  static std::string versionOf(const std::vector<std::pair<std::string, std::filesystem::path>>& files) {
    std::string bytes;
    for (const auto& [setting, file] : files) {
      std::error_code missing;
      if (!std::filesystem::is_regular_file(file, missing))
        throw Error(Errc::invalidArgument, "TLS needs a certificate and its key in PEM files, but " +
                                               setting + " \"" + file.string() + "\" is no file");
      bytes += base::Digest::of(base::readFile(file, kMaxCertificate)).str();
    }
    return base::Digest::of(bytes).hex().substr(0, 16);
  }

  /// A certificate is renewed by putting another file in its place.
  void watchCertificates(const std::stop_token& stop) {
    while (true) {
      {
        std::unique_lock lock(mutex_);
        tick_.wait_for(lock, stop, front_ ? front_->look : kLookEvery, [] { return false; });
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
    detail::CaddyListeners renewed = listeners_;
    if (renewed.daemon) renewed.daemon->version = frontVersion();
    if (renewed.appsTls) renewed.appsTls->version = appsVersion();
    const std::string config = detail::caddyConfig(renewed);
    if (config == detail::caddyConfig(listeners_)) return;
    process_.load(config);
    listeners_ = renewed;
    use(address_);
    log_.info("certificate renewed");
  }

  std::string configAt(const std::string& address) const {
    detail::CaddyListeners listeners = listeners_;
    listeners.apps = address;
    return detail::caddyConfig(listeners);
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
      process_.load(configAt(address));
      use(address);
    } else {
      address_ = saved;
      const std::string config = configAt(saved);
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
    address_ = listeners_.apps = address;
    base::writeFileAtomically(folder_ / "caddy.json", configAt(address));
    base::writeFileAtomically(folder_ / "address", address);
  }

  std::string readSmall(const char* name) const {
    return std::filesystem::exists(folder_ / name) ? base::readFile(folder_ / name) : std::string();
  }

  mutable std::mutex mutex_;
  const std::filesystem::path folder_;
  const SocketAddress wanted_;
  const std::optional<TlsFront> front_;
  const std::optional<AppsTls> appsTls_;
  detail::CaddyListeners listeners_;
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
