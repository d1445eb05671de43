// Ctrl-C, so that what the client holds is put away.
#pragma once

#include <Poco/Net/Socket.h>

namespace cli::detail {

/// From construction on, SIGINT shuts the watched connection down, which ends the wait for its next bytes;
/// with none watched, or the second time, the process exits 130 at once. One object per process at a time: a
/// signal handler can only reach what is global. The destructor restores the old handler.
class Interrupt {
 public:
  Interrupt();
  ~Interrupt();
  Interrupt(const Interrupt&) = delete;
  Interrupt& operator=(const Interrupt&) = delete;
  static bool requested() noexcept;
};

/// Makes `socket` the watched connection for its life. The socket outlives it.
class Watched {
 public:
  explicit Watched(const Poco::Net::Socket& socket);
  ~Watched();
  Watched(const Watched&) = delete;
  Watched& operator=(const Watched&) = delete;

 private:
  int before_;
};

}  // namespace cli::detail
