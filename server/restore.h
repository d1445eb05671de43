// `fairlead restore`: a backup becomes a data folder, without a server.
#pragma once

#include <string>
#include <vector>

namespace server {

/// FILE --data DIR [--json]. Returns the exit status; errors go to stderr.
int restore(const std::vector<std::string>& args);

}  // namespace server
