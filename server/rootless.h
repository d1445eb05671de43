// The server of a user who is not root.
#pragma once

#include <string>
#include <vector>

#include "server/config.h"

namespace server {

/// For serve, by an ordinary user: makes the namespaces that the server runs in, or finds those of the server
/// before, and becomes `fairlead serve` in them, with the same words (`args`) and the ports that port 0
/// stands for. Returns only by an exception: unavailable with what is missing, conflict when a server runs
/// already.
[[noreturn]] void serveRootless(const Config& config, const std::vector<std::string>& args);

/// What settings mean in there: ids are those of the namespace, and no account but the user's own is known.
/// Does nothing for a server that root has started. Throws invalidArgument for what takes root.
void adaptToRootless(Config& config);

/// `fairlead rootless-door`: what serveRootless() starts. Returns the exit status.
int rootlessDoor(const std::vector<std::string>& args);

/// `fairlead try-rootless DIR`: of doctor. Prints how containers are started in a folder that the caller
/// removes; what is missing goes to stderr. Returns the exit status.
int tryRootless(const std::vector<std::string>& args);

}  // namespace server
