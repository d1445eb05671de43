// A TCP listener that hands out sockets fit for SSH.
#pragma once

#include <string>

#include "base/fd.h"

namespace gitd::detail {

/// Listens from construction on. One thread at a time.
class Listener {
 public:
  /// "HOST:PORT" or "[V6]:PORT"; throws invalidArgument for a malformed one, unavailable when it cannot be
  /// bound.
  explicit Listener(const std::string& where);
  const base::Fd& fd() const noexcept { return fd_; }
  /// As bound.
  const std::string& address() const noexcept { return address_; }
  /// A connected socket, non-blocking, with TCP_NODELAY; invalid when there is none after all.
  base::Fd accept(std::string& peer);
  void close() noexcept { fd_.reset(); }

 private:
  base::Fd fd_;
  std::string address_;
};

}  // namespace gitd::detail
