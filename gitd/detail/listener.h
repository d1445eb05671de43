// A TCP listener that hands out sockets fit for SSH.
#pragma once

#include <string>
#include <utility>

#include "base/tcp_listener.h"

namespace gitd::detail {

/// One thread at a time.
class Listener {
 public:
  explicit Listener(base::TcpListener tcp) : tcp_(std::move(tcp)) {}
  const base::Fd& fd() const noexcept { return tcp_.fd; }
  /// As bound.
  const std::string& address() const noexcept { return tcp_.address; }
  /// A connected socket, non-blocking, with TCP_NODELAY; invalid when there is none after all.
  base::Fd accept(std::string& peer);
  void close() noexcept { tcp_.fd.reset(); }

 private:
  base::TcpListener tcp_;
};

}  // namespace gitd::detail
