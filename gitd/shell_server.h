// The other end of `fairlead ssh-shell`: the same service as over our own SSH, for a system sshd in front.
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <memory>
#include <vector>

#include "gitd/push_handler.h"
#include "gitd/ssh_server.h"

namespace gitd {

struct ShellServerConfig {
  std::filesystem::path socketFile;  ///< a stale one is replaced
  /// Who may connect, beside root and the daemon's own user: the account of sshd's sessions (setting
  /// ssh_shell_user). It names the key that sshd has verified, so it is trusted with every key. The file is
  /// open to everybody then (0666), else to its owner (0600): the kernel says who connects.
  std::optional<uid_t> user;
};

/// Serves from construction on, one thread a connection and one per push or command. Two requests: to serve a
/// command of a key's owner, and whether a key is known. Who may not connect is closed without a word.
/// stop() as SshServer's. Thread rule: one thread at a time.
class ShellServer {
 public:
  /// All outlive it. `limits` are those of pushes; maxConnections counts here, too.
  ShellServer(ShellServerConfig config, const SshServerConfig& limits, PushHandler& handler,
              base::Metrics& metrics);
  ~ShellServer();
  ShellServer(const ShellServer&) = delete;
  ShellServer& operator=(const ShellServer&) = delete;
  void stop(std::chrono::milliseconds grace);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace gitd
