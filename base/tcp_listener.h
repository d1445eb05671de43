// Listening TCP sockets.
#pragma once

#include <string>
#include <string_view>

#include "base/fd.h"

namespace base {

/// A bound and listening socket, non-blocking, O_CLOEXEC.
struct TcpListener {
  Fd fd;
  std::string address;  ///< "HOST:PORT" or "[V6]:PORT" as bound
};

/// Listens on "HOST:PORT" or "[V6]:PORT"; port 0 for any, an empty host or "*" for all interfaces. `setting`
/// names what the address came from, for the error. Throws invalidArgument for what is no address,
/// unavailable when it cannot be bound. May look a name up.
TcpListener listenTcp(const std::string& hostAndPort, std::string_view setting);

}  // namespace base
