#include "runner/detail/port_check.h"

#include <Poco/Exception.h>
#include <Poco/Net/SocketAddress.h>
#include <poll.h>
#include <sys/socket.h>

#include <cerrno>

#include "base/fd.h"

namespace runner::detail {

base::Fd startConnecting(const std::string& address) {
  Poco::Net::SocketAddress target;
  try {
    target = Poco::Net::SocketAddress(address);
  } catch (const Poco::Exception&) {  // a process without an address listens nowhere
    return {};
  }
  base::Fd fd(::socket(target.af(), SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd.valid()) return fd;
  if (::connect(fd.get(), target.addr(), target.length()) != 0 && errno != EINPROGRESS) fd.reset();
  return fd;
}

bool isConnected(const base::Fd& fd) {
  int problem = 0;
  socklen_t length = sizeof problem;
  return ::getsockopt(fd.get(), SOL_SOCKET, SO_ERROR, &problem, &length) == 0 && problem == 0;
}

bool acceptsConnections(const std::string& address, std::chrono::milliseconds timeout) {
  const base::Fd fd = startConnecting(address);
  if (!fd.valid()) return false;
  pollfd watched{fd.get(), POLLOUT, 0};
  return ::poll(&watched, 1, static_cast<int>(timeout.count())) == 1 && isConnected(fd);
}

}  // namespace runner::detail
