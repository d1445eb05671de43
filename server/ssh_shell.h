// The two programs that a system sshd runs for us.
#pragma once

#include <string>
#include <vector>

namespace server {

/// `fairlead ssh-shell --key-fingerprint SHA256:... [--data DIR] [-c COMMAND]`: the forced command of a
/// session. The command is SSH_ORIGINAL_COMMAND, or what -c says. Returns the session's exit status, 2 for
/// wrong usage.
int sshShell(const std::vector<std::string>& args);

/// `fairlead ssh-keys [--data DIR] TYPE KEY`: sshd's AuthorizedKeysCommand (with %t %k). Prints the line of
/// authorized_keys for a known key and nothing for another.
int sshKeys(const std::vector<std::string>& args);

}  // namespace server
