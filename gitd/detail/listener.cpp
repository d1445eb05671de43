#include "gitd/detail/listener.h"

#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>
#include <memory>
#include <thread>

#include "base/error.h"
#include "base/log.h"
#include "base/strings.h"

namespace gitd::detail {
namespace {

constexpr int kBacklog = 1024;
constexpr int kKeepaliveSeconds = 15;
constexpr int kKeepaliveProbes = 4;

void freeAddresses(addrinfo* list) {
  ::freeaddrinfo(list);
}

std::pair<std::string, std::string> splitHostPort(const std::string& where) {
  const std::size_t colon = where.rfind(':');
  std::uint64_t port = 0;
  if (colon == std::string::npos || !base::parseNumber(std::string_view(where).substr(colon + 1), port) ||
      port > 65535) {
    throw base::Error(base::Errc::invalidArgument, "not HOST:PORT: " + base::printable(where));
  }
  std::string host = where.substr(0, colon);
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  return {host, where.substr(colon + 1)};
}

std::string describe(const sockaddr_storage& address, socklen_t length) {
  char host[NI_MAXHOST];
  char port[NI_MAXSERV];
  const auto* generic = reinterpret_cast<const sockaddr*>(&address);
  if (::getnameinfo(generic, length, host, sizeof host, port, sizeof port, NI_NUMERICHOST | NI_NUMERICSERV) !=
      0)
    return "?";
  const bool v6 = address.ss_family == AF_INET6;
  return (v6 ? "[" + std::string(host) + "]" : std::string(host)) + ":" + port;
}

void setOption(int socket, int level, int option, int value) {
  ::setsockopt(socket, level, option, &value, sizeof value);
}

}  // namespace

Listener::Listener(const std::string& where) {
  const auto [host, port] = splitHostPort(where);
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_PASSIVE | AI_NUMERICSERV;
  addrinfo* raw = nullptr;
  if (const int rc = ::getaddrinfo(host.empty() ? nullptr : host.c_str(), port.c_str(), &hints, &raw);
      rc != 0) {
    throw base::Error(base::Errc::invalidArgument,
                      "cannot listen on " + base::printable(where) + ": " + ::gai_strerror(rc));
  }
  const std::unique_ptr<addrinfo, decltype(&freeAddresses)> list(raw, &freeAddresses);
  fd_ = base::Fd(::socket(list->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd_.valid()) base::throwErrno(errno, "making a socket");
  setOption(fd_.get(), SOL_SOCKET, SO_REUSEADDR, 1);
  if (::bind(fd_.get(), list->ai_addr, list->ai_addrlen) != 0 || ::listen(fd_.get(), kBacklog) != 0) {
    throw base::Error(base::Errc::unavailable,
                      "cannot listen on " + base::printable(where) + ": " + std::strerror(errno));
  }
  sockaddr_storage bound{};
  socklen_t length = sizeof bound;
  ::getsockname(fd_.get(), reinterpret_cast<sockaddr*>(&bound), &length);
  address_ = describe(bound, length);
}

base::Fd Listener::accept(std::string& peer) {
  sockaddr_storage from{};
  socklen_t length = sizeof from;
  base::Fd socket(
      ::accept4(fd_.get(), reinterpret_cast<sockaddr*>(&from), &length, SOCK_CLOEXEC | SOCK_NONBLOCK));
  if (!socket.valid()) {
    if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
      // The connection stays in the queue; without a pause this would spin until a descriptor is free.
      base::Log("gitd").error("cannot accept connections", {{"error", std::strerror(errno)}});
      std::this_thread::sleep_for(std::chrono::milliseconds(200));
    }
    return socket;
  }
  setOption(socket.get(), IPPROTO_TCP, TCP_NODELAY, 1);
  setOption(socket.get(), SOL_SOCKET, SO_KEEPALIVE, 1);
  setOption(socket.get(), IPPROTO_TCP, TCP_KEEPIDLE, kKeepaliveSeconds);
  setOption(socket.get(), IPPROTO_TCP, TCP_KEEPINTVL, kKeepaliveSeconds);
  setOption(socket.get(), IPPROTO_TCP, TCP_KEEPCNT, kKeepaliveProbes);
  peer = describe(from, length);
  return socket;
}

}  // namespace gitd::detail
