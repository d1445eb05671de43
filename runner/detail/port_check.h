// Whether something accepts connections at an address.
#pragma once

#include <chrono>
#include <string>

namespace runner::detail {

/// Connects to "HOST:PORT" (a number, no name) and closes at once; blocks for at most `timeout`. Anything but
/// a connection is false.
bool acceptsConnections(const std::string& address, std::chrono::milliseconds timeout);

}  // namespace runner::detail
