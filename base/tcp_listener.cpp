#include "base/tcp_listener.h"

#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <cctype>
#include <cerrno>
#include <cstring>
#include <memory>
#include <utility>

#include "base/error.h"
#include "base/strings.h"

namespace base {
namespace {

// The kernel cuts it to net.core.somaxconn.
constexpr int kBacklog = 1024;
constexpr std::uint64_t kMaxPort = 65535;

void freeAddresses(addrinfo* list) {
  ::freeaddrinfo(list);
}
using Addresses = std::unique_ptr<addrinfo, decltype(&freeAddresses)>;

std::string change(std::string_view setting) {
  return "; choose another with " + std::string(setting);
}

[[noreturn]] void cannotListen(const std::string& where, std::string reason, std::string_view setting) {
  reason[0] = static_cast<char>(std::tolower(static_cast<unsigned char>(reason[0])));
  throw Error(Errc::unavailable, "cannot listen on " + printable(where) + ": " + reason + change(setting));
}

std::pair<std::string, std::string> splitHostPort(const std::string& where, std::string_view setting) {
  const std::size_t colon = where.rfind(':');
  std::uint64_t port = 0;
  if (colon == std::string::npos || !parseNumber(std::string_view(where).substr(colon + 1), port) ||
      port > kMaxPort) {
    throw Error(Errc::invalidArgument, "\"" + printable(where) + "\" is no address: write HOST:PORT in " +
                                           std::string(setting));
  }
  std::string host = where.substr(0, colon);
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  if (host == "*") host.clear();
  return {host, where.substr(colon + 1)};
}

Addresses resolve(const std::string& where, std::string_view setting) {
  const auto [host, port] = splitHostPort(where, setting);
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_PASSIVE | AI_NUMERICSERV;
  addrinfo* list = nullptr;
  const int rc = ::getaddrinfo(host.empty() ? nullptr : host.c_str(), port.c_str(), &hints, &list);
  if (rc != 0) {
    throw Error(Errc::invalidArgument,
                "cannot listen on " + printable(where) + ": " + ::gai_strerror(rc) + change(setting));
  }
  return {list, &freeAddresses};
}

std::string boundAddress(const Fd& socket) {
  sockaddr_storage bound{};
  socklen_t length = sizeof bound;
  char host[NI_MAXHOST];
  char port[NI_MAXSERV];
  auto* generic = reinterpret_cast<sockaddr*>(&bound);
  if (::getsockname(socket.get(), generic, &length) != 0 ||
      ::getnameinfo(generic, length, host, sizeof host, port, sizeof port, NI_NUMERICHOST | NI_NUMERICSERV) !=
          0) {
    throwErrno(errno, "asking for a socket's address");
  }
  const std::string name = host;
  return (bound.ss_family == AF_INET6 ? "[" + name + "]" : name) + ":" + port;
}

}  // namespace

TcpListener listenTcp(const std::string& hostAndPort, std::string_view setting) {
  const Addresses list = resolve(hostAndPort, setting);
  TcpListener listener;
  listener.fd = Fd(::socket(list->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!listener.fd.valid()) throwErrno(errno, "making a socket");
  const int on = 1;
  // Not SO_REUSEPORT, which would let two servers share a port in silence.
  ::setsockopt(listener.fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (::bind(listener.fd.get(), list->ai_addr, list->ai_addrlen) != 0 ||
      ::listen(listener.fd.get(), kBacklog) != 0) {
    cannotListen(hostAndPort, std::strerror(errno), setting);
  }
  listener.address = boundAddress(listener.fd);
  return listener;
}

}  // namespace base
