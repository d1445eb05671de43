// The source of a build, sent before the command that builds it.
#pragma once

#include "cli/detail/command_request.h"
#include "cli/detail/server_address.h"
#include "cli/detail/surroundings.h"

namespace cli::detail {

/// When the request is builds:create with --source FILE or --source FOLDER: sends that (a folder packed as a
/// compressed tar without .git at its top) to a source of the server, and puts the source's path in the
/// argument's place. A URL is left as it is. Throws notFound for a missing file, unavailable, or the server's
/// own words.
void uploadSource(const ServerAddress& server, const Surroundings& surroundings, CommandRequest& request);

}  // namespace cli::detail
