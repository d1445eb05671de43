// A TCP listener that hands out sockets fit for SSH.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <utility>

#include "base/tcp_listener.h"

namespace gitd::detail {

/// Somebody who has connected.
struct Arrival {
  base::Fd socket;     ///< non-blocking, with TCP_NODELAY
  std::string peer;    ///< "ADDRESS:PORT"
  std::string source;  ///< what limits go by: the IPv4 address, or the /64 of an IPv6 one
};

/// One thread at a time.
class Listener {
 public:
  /// A peer whose machine does not acknowledge anything for `lostAfter` counts as lost (ETIMEDOUT).
  Listener(base::TcpListener tcp, std::chrono::milliseconds lostAfter);
  const base::Fd& fd() const noexcept { return tcp_.fd; }
  /// As bound.
  const std::string& address() const noexcept { return tcp_.address; }
  /// nullopt when nobody waits after all. Out of descriptors, somebody is told so and sent away.
  std::optional<Arrival> accept();
  void close() noexcept { tcp_.fd.reset(); }

 private:
  void sendOneAway();

  base::TcpListener tcp_;
  const std::chrono::milliseconds lostAfter_;
  base::Fd spare_;  // given up for the moment in which somebody is sent away
};

}  // namespace gitd::detail
