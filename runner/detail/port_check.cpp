#include "runner/detail/port_check.h"

#include <Poco/Exception.h>
#include <Poco/Net/SocketAddress.h>
#include <poll.h>
#include <sys/socket.h>

#include <cerrno>

#include "base/fd.h"

namespace runner::detail {

bool acceptsConnections(const std::string& address, std::chrono::milliseconds timeout) {
  Poco::Net::SocketAddress target;
  try {
    target = Poco::Net::SocketAddress(address);
  } catch (const Poco::Exception&) {
    return false;
  }
  const base::Fd fd(::socket(target.af(), SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd.valid()) return false;
  if (::connect(fd.get(), target.addr(), target.length()) == 0) return true;
  if (errno != EINPROGRESS) return false;
  pollfd watched{fd.get(), POLLOUT, 0};
  if (::poll(&watched, 1, static_cast<int>(timeout.count())) != 1) return false;
  int problem = 0;
  socklen_t length = sizeof problem;
  return ::getsockopt(fd.get(), SOL_SOCKET, SO_ERROR, &problem, &length) == 0 && problem == 0;
}

}  // namespace runner::detail
