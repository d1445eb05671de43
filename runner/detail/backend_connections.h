// Which processes the router still has connections to.
#pragma once

#include <chrono>
#include <filesystem>
#include <set>
#include <string>

namespace runner::detail {

/// Looks at the kernel's table of TCP connections of this machine: the router's are among them, for it runs
/// in the daemon's network. Idle ones are closed by the router after kIdleBackendS (caddy_config.h), so one
/// to a process that has been out of the routes for longer is a request under way, a stream or a websocket.
/// IPv4 only, as processes' addresses are. One thread at a time.
class BackendConnections {
 public:
  /// `table` is in the form of /proc/net/tcp; it is read again when the last look is older than `keep`, so
  /// that many questions in a row cost one look.
  explicit BackendConnections(std::filesystem::path table = "/proc/net/tcp",
                              std::chrono::milliseconds keep = std::chrono::milliseconds(100));
  /// Whether there is one to `address` (HOST:PORT), or one is just being made. A table that cannot be read
  /// has none.
  bool openTo(const std::string& address);

 private:
  void look();

  const std::filesystem::path table_;
  const std::chrono::milliseconds keep_;
  std::chrono::steady_clock::time_point lookedAt_;
  std::set<std::string> open_;
};

}  // namespace runner::detail
