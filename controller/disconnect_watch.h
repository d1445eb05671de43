// Noticing that an HTTP client has gone while it is being answered.
#pragma once

#include <Poco/Net/HTTPServerRequestImpl.h>
#include <Poco/Net/StreamSocket.h>
#include <poll.h>

#include <cerrno>
#include <stop_token>
#include <thread>

#include "base/fd.h"
#include "base/http.h"

namespace controller {

/// Requests stop when the peer closes its connection: a thread while it lives. The request outlives it.
class DisconnectWatch {
 public:
  explicit DisconnectWatch(base::HttpRequest& request) : ended_(base::makeEventFd()) {
    const int socket = dynamic_cast<Poco::Net::HTTPServerRequestImpl&>(request).socket().impl()->sockfd();
    thread_ = std::jthread([this, socket] {
      pollfd fds[2] = {{socket, POLLRDHUP, 0}, {ended_.get(), POLLIN, 0}};
      while (::poll(fds, 2, -1) < 0 && errno == EINTR) {
      }
      if (fds[0].revents != 0) stop_.request_stop();
    });
  }
  ~DisconnectWatch() { base::signalEvent(ended_); }
  DisconnectWatch(const DisconnectWatch&) = delete;
  DisconnectWatch& operator=(const DisconnectWatch&) = delete;
  std::stop_token token() const { return stop_.get_token(); }

 private:
  base::Fd ended_;
  std::stop_source stop_;
  std::jthread thread_;  // last: joined before what it uses goes
};

}  // namespace controller
