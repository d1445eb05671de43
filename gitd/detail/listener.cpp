#include "gitd/detail/listener.h"

#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <thread>

#include "base/log.h"
#include "gitd/detail/ssh_refusal.h"

namespace gitd::detail {
namespace {

constexpr int kProbes = 4;
constexpr std::size_t kNetworkBytes = 8;  // of an IPv6 address: who has one has the rest of it too

std::string hostOf(const sockaddr_storage& address, socklen_t length) {
  char host[NI_MAXHOST];
  const auto* generic = reinterpret_cast<const sockaddr*>(&address);
  const int rc = ::getnameinfo(generic, length, host, sizeof host, nullptr, 0, NI_NUMERICHOST);
  return rc == 0 ? host : "?";
}

std::string peerOf(const sockaddr_storage& address, socklen_t length) {
  const bool v6 = address.ss_family == AF_INET6;
  const auto port = v6 ? reinterpret_cast<const sockaddr_in6&>(address).sin6_port
                       : reinterpret_cast<const sockaddr_in&>(address).sin_port;
  const std::string host = hostOf(address, length);
  return (v6 ? "[" + host + "]" : host) + ":" + std::to_string(ntohs(port));
}

std::string sourceOf(const sockaddr_storage& address, socklen_t length) {
  if (address.ss_family != AF_INET6) return hostOf(address, length);
  auto network = reinterpret_cast<const sockaddr_in6&>(address);
  const bool mapped = IN6_IS_ADDR_V4MAPPED(&network.sin6_addr);
  if (!mapped) std::memset(network.sin6_addr.s6_addr + kNetworkBytes, 0, kNetworkBytes);
  sockaddr_storage whole{};
  std::memcpy(&whole, &network, sizeof network);
  return hostOf(whole, length);
}

void setOption(const base::Fd& socket, int level, int option, int value) {
  ::setsockopt(socket.get(), level, option, &value, sizeof value);
}

}  // namespace

Listener::Listener(base::TcpListener tcp, std::chrono::milliseconds lostAfter)
    : tcp_(std::move(tcp)), lostAfter_(lostAfter), spare_(base::openFile("/dev/null", O_RDONLY)) {}

std::optional<Arrival> Listener::accept() {
  sockaddr_storage from{};
  socklen_t length = sizeof from;
  base::Fd socket(
      ::accept4(fd().get(), reinterpret_cast<sockaddr*>(&from), &length, SOCK_CLOEXEC | SOCK_NONBLOCK));
  if (!socket.valid()) {
    if (errno == EMFILE || errno == ENFILE) sendOneAway();
    return std::nullopt;
  }
  const int probeSeconds = std::max(1, static_cast<int>(lostAfter_.count() / (1000 * kProbes)));
  setOption(socket, IPPROTO_TCP, TCP_NODELAY, 1);
  setOption(socket, SOL_SOCKET, SO_KEEPALIVE, 1);
  setOption(socket, IPPROTO_TCP, TCP_KEEPIDLE, probeSeconds);
  setOption(socket, IPPROTO_TCP, TCP_KEEPINTVL, probeSeconds);
  setOption(socket, IPPROTO_TCP, TCP_KEEPCNT, kProbes);
  setOption(socket, IPPROTO_TCP, TCP_USER_TIMEOUT, static_cast<int>(lostAfter_.count()));
  return Arrival{std::move(socket), peerOf(from, length), sourceOf(from, length)};
}

void Listener::sendOneAway() {
  base::Log("gitd").error("a connection is refused: no descriptors are left; raise the limit (ulimit -n)");
  spare_.reset();
  base::Fd socket(::accept4(fd().get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
  if (socket.valid()) {
    refuse(std::move(socket), "the server has no descriptors left: try again in a moment");
  } else {
    // Somebody else took it: without a pause this would spin until one is free.
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
  }
  spare_ = base::Fd(::open("/dev/null", O_RDONLY | O_CLOEXEC));
}

}  // namespace gitd::detail
