// What runs behind a system sshd: carries one session to the daemon.
#pragma once

#include <filesystem>
#include <string>

namespace gitd {

struct ShellRequest {
  std::string fingerprint;  ///< of the key that sshd has verified
  std::string commandLine;
  std::string gitProtocol;  ///< the client's GIT_PROTOCOL
  std::string peer;         ///< "ADDRESS:PORT"
};

/// Relays this process's standard streams to the daemon behind the socket until the session ends; returns its
/// exit status. When nobody reads standard output any more the daemon learns that the client hung up. Throws
/// unavailable when there is no daemon.
int relayShell(const std::filesystem::path& socketFile, const ShellRequest& request);

/// Whether somebody may log in with this key. Throws unavailable when there is no daemon.
bool isKeyKnown(const std::filesystem::path& socketFile, const std::string& fingerprint);

}  // namespace gitd
