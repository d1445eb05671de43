// fairlead receive-pack DIR: git's program of that name, on stdin and stdout.
#pragma once

#include <string>
#include <vector>

namespace git {

/// `git receive-pack [--stateless-rpc] [--advertise-refs] DIR` with the words that follow its name; returns
/// the exit status: 0, 128 when there is no repository or the protocol was broken, 129 for a wrong command
/// line. Needs no daemon. Heeds the repository's settings receive.*, transfer.* and core.*, GIT_PROTOCOL and
/// its hooks. Changes the working directory and the environment as git does. Ignores SIGPIPE.
int runReceivePack(const std::vector<std::string>& words);

}  // namespace git
