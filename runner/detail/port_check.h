// Whether something accepts connections at an address.
#pragma once

#include <chrono>
#include <string>

#include "base/fd.h"

namespace runner::detail {

/// Connects to "HOST:PORT" (a number, no name) and closes at once; blocks for at most `timeout`. Anything but
/// a connection is false.
bool acceptsConnections(const std::string& address, std::chrono::milliseconds timeout);

/// Begins to connect to "HOST:PORT", without blocking; invalid for what is no address, and when it is refused
/// at once.
base::Fd startConnecting(const std::string& address);
/// Of such a socket that has become writable.
bool isConnected(const base::Fd& fd);

}  // namespace runner::detail
