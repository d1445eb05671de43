#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <sys/socket.h>
#include <unistd.h>

#include <Poco/Exception.h>
#include <Poco/Net/SocketAddress.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <exception>
#include <mutex>
#include <stop_token>
#include <thread>
#include <utility>
#include <vector>

#include "base/atomic_file.h"
#include "base/error.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/regular_file.h"
#include "base/strings.h"
#include "runner/detail/caddy_config.h"
#include "runner/detail/caddy_process.h"
#include "runner/detail/port_check.h"
#include "runner/detail/route_files.h"
#include "runner/router.h"
#include "runner/router_program.h"
#include "sandbox/host_programs.h"

namespace runner {
namespace {

using base::Errc;
using base::Error;
using Poco::Net::SocketAddress;
namespace fs = std::filesystem;

constexpr int kPortAttempts = 5;
constexpr std::chrono::milliseconds kLookEvery{60'000};
constexpr std::chrono::milliseconds kBetweenStarts{1'000};
constexpr std::size_t kMaxCertificate = 1u << 20;
constexpr const char* kAcmeCa = "acme_ca.pem";

SocketAddress parseAddress(const std::string& listen) {
  try {
    return SocketAddress(listen);
  } catch (const Poco::Exception&) {
    throw Error(Errc::invalidArgument,
                "router address \"" + base::printable(listen) + "\" must be HOST:PORT");
  }
}

constexpr std::chrono::milliseconds kLookTime{500};

/// The address as bound, 0 replaced by a free port; nullopt when it is taken. Caddy binds with SO_REUSEPORT
/// and would silently share the port with another Caddy, so we look ourselves.
std::optional<std::string> tryBind(const SocketAddress& address) {
  const base::Fd fd(::socket(address.af(), SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!fd.valid()) base::throwErrno(errno, "opening the router's address");
  const int on = 1;
  ::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (::bind(fd.get(), address.addr(), address.length()) != 0) {
    if (errno == EADDRINUSE) return std::nullopt;
    // Below port 1024 Caddy has the right that this process lacks: whoever listens there is all that can be
    // seen from here.
    if (errno == EACCES)
      return detail::acceptsConnections(address.toString(), kLookTime) ? std::nullopt
                                                                       : std::optional(address.toString());
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
  CaddyRouter(const CaddyConfig& config, sandbox::HostPrograms& programs)
      : programs_(programs),
        folder_(prepare(config)),
        wanted_(parseAddress(config.listen)),
        front_(config.tls),
        appsTls_(config.appsTls),
        files_(folder_),
        process_(folder_, programs_) {
    if (front_) listeners_.daemon = openFront();
    if (appsTls_) listeners_.appsTls = openAppsTls();
    ensureRunning();
    watch_ = std::jthread([this](const std::stop_token& stop) {
      ::pthread_setname_np(::pthread_self(), "router");
      watch(stop);
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
    watch_ = {};
    const std::lock_guard lock(mutex_);
    process_.stop();
  }

 private:
  /// Who reaches the admin socket, rules the router: so nobody else comes in.
  static fs::path prepare(const CaddyConfig& config) {
    const fs::path folder = fs::absolute(config.folder);
    prepareRouterFolder(folder, config.user, ::geteuid());
    return folder;
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
    detail::TlsListener front;
    front.listen = openAddress("https_address", front_->listen, "https_listen");
    front.backend = front_->backend;
    readCertificate(front);
    return front;
  }

  detail::AppsTlsListener openAppsTls() {
    AppsTls settings = *appsTls_;
    settings.listen = openAddress("apps_https_address", settings.listen, "router_https_listen");
    if (!settings.acmeCa.empty()) {
      base::writeFileAtomically(folder_ / kAcmeCa, readPem("acme_ca", settings.acmeCa));
      settings.acmeCa = kAcmeCa;
    }
    detail::AppsTlsListener apps{.settings = settings,
                                 .ask = openAddress("ask_address", "127.0.0.1:0", "router_https_listen"),
                                 .certificate = {},
                                 .key = {}};
    readCertificate(apps);
    return apps;
  }

  void readCertificate(detail::TlsListener& front) const {
    front.certificate = readPem("tls_certificate", front_->certificate);
    front.key = readPem("tls_key", front_->key);
  }

  void readCertificate(detail::AppsTlsListener& apps) const {
    if (appsTls_->certificate.empty() && appsTls_->key.empty()) return;
    apps.certificate = readPem("router_certificate", appsTls_->certificate);
    apps.key = readPem("router_key", appsTls_->key);
  }

  /// The file that a setting names.
  std::string readPem(const char* setting, const fs::path& file) const {
    try {
      return base::readRegular(programs_.openFile(file), file.filename().string(), kMaxCertificate);
    } catch (const Error& error) {
      throw Error(Errc::invalidArgument, "TLS needs a certificate and its key in PEM files, but " +
                                             std::string(setting) + " \"" + file.string() +
                                             "\" cannot be read: " + error.what());
    }
  }

  /// Starts Caddy again when it has ended, and takes certificates that are renewed, which is done by putting
  /// another file in the place of the last.
  void watch(const std::stop_token& stop) {
    const base::Fd stopped = base::makeEventFd();
    const std::stop_callback onStop(stop, [&] { base::signalEvent(stopped); });
    const std::chrono::milliseconds look = front_ ? front_->look : kLookEvery;
    auto lookDue = std::chrono::steady_clock::now() + look;
    while (true) {
      const base::Fd end = endOfProcess();
      // Without a process: after a pause, so that one that does not start is no load.
      const auto untilLook = std::chrono::ceil<std::chrono::milliseconds>(
          std::max(lookDue - std::chrono::steady_clock::now(), std::chrono::steady_clock::duration(0)));
      const auto wait = end.valid() ? untilLook : kBetweenStarts;
      std::array<pollfd, 2> entries{{{stopped.get(), POLLIN, 0}, {end.get(), POLLIN, 0}}};
      ::poll(entries.data(), entries.size(), static_cast<int>(wait.count()));
      if (stop.stop_requested()) return;
      if (!end.valid() || entries[1].revents != 0) {
        attempt("router not started, it will be tried again", [this] { revive(); });
        ::poll(entries.data(), 1, static_cast<int>(kBetweenStarts.count()));
      }
      if (std::chrono::steady_clock::now() < lookDue) continue;
      lookDue = std::chrono::steady_clock::now() + look;
      if (front_ || appsTls_)
        attempt("certificate not taken, the one before stays", [this] { renewCertificate(); });
    }
  }

  base::Fd endOfProcess() const {
    const std::lock_guard lock(mutex_);
    return process_.end();
  }

  /// The top of the watching thread's jobs.
  template <typename Job>
  void attempt(const char* failure, Job job) {
    try {
      job();
    } catch (const std::exception& error) {
      log_.error(failure, {{"error", error.what()}});
    }
  }

  void revive() {
    const std::lock_guard lock(mutex_);
    ensureRunning();
  }

  void renewCertificate() {
    const std::lock_guard lock(mutex_);
    detail::CaddyListeners renewed = listeners_;
    if (renewed.daemon) readCertificate(*renewed.daemon);
    if (renewed.appsTls) readCertificate(*renewed.appsTls);
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
    base::writeFileAtomically(folder_ / "caddy.json", configAt(address), 0640);  // the keys are in it
    base::writeFileAtomically(folder_ / "address", address);
  }

  std::string readSmall(const char* name) const {
    return std::filesystem::exists(folder_ / name) ? base::readFile(folder_ / name) : std::string();
  }

  mutable std::mutex mutex_;
  sandbox::HostPrograms& programs_;
  const fs::path folder_;
  const SocketAddress wanted_;
  const std::optional<TlsFront> front_;
  const std::optional<AppsTls> appsTls_;
  detail::CaddyListeners listeners_;
  std::string address_;
  detail::RouteFiles files_;
  detail::CaddyProcess process_;
  base::Log log_{"runner"};
  std::jthread watch_;  // last
};

}  // namespace

std::unique_ptr<Router> makeCaddyRouter(const CaddyConfig& config, sandbox::HostPrograms& programs) {
  return std::make_unique<CaddyRouter>(config, programs);
}

}  // namespace runner
