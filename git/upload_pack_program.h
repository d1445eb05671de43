// fairlead upload-pack DIR: git's program of that name, on stdin and stdout.
#pragma once

#include <string>
#include <vector>

namespace git {

/// `git upload-pack [--strict] [--timeout=N] [--stateless-rpc] [--advertise-refs] DIR` with the words that
/// follow its name; returns the exit status: 0, 128 when there is no repository or the protocol was broken,
/// 129 for a wrong command line. Needs no daemon, runs nothing. Heeds the repository's settings uploadpack.*,
/// transfer.* and lsrefs.*, and GIT_PROTOCOL. Ignores SIGPIPE.
int runUploadPack(const std::vector<std::string>& words);

}  // namespace git
