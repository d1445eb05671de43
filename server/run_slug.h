// `fairlead run-slug`: a process type of a slug on a machine that has only this program.
#pragma once

#include <string>
#include <vector>

namespace server {

/// URL|FILE TYPE [--port N] [--env K=V]... [--folder DIR], or URL|FILE -- COMMAND...: fetches (going on where
/// an earlier attempt ended, and verified), unpacks, and becomes the process, in the app's folder with PORT,
/// DYNO, HOME and its .profile.d. No container: it runs as the user who typed it, and sees what that user
/// sees. Without --folder it unpacks into a temporary folder, which goes with the process. Returns only when
/// it cannot be started.
int runSlug(const std::vector<std::string>& args);

}  // namespace server
