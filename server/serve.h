// The daemon: construct, connect, serve, shut down in order.
#pragma once

#include <string>
#include <vector>

namespace server {

/// `fairlead serve ARGS`: blocks until a signal or server:stop ends it. Returns the exit code.
int serve(const std::vector<std::string>& args);

}  // namespace server
