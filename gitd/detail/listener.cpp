#include "gitd/detail/listener.h"

#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <cerrno>
#include <chrono>
#include <cstring>
#include <thread>

#include "base/log.h"

namespace gitd::detail {
namespace {

constexpr int kKeepaliveSeconds = 15;
constexpr int kKeepaliveProbes = 4;

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

base::Fd Listener::accept(std::string& peer) {
  sockaddr_storage from{};
  socklen_t length = sizeof from;
  base::Fd socket(
      ::accept4(fd().get(), reinterpret_cast<sockaddr*>(&from), &length, SOCK_CLOEXEC | SOCK_NONBLOCK));
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
