// The Caddy process: started in a session of its own, found again by the next daemon.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "base/child_process.h"
#include "base/fd.h"

namespace runner::detail {

/// Runs `caddy run` in `folder` with folder/caddy.json; its admin API is folder/caddy/admin.sock, and all
/// that it writes is in that folder. One thread at a time. The destructor leaves it running.
class CaddyProcess {
 public:
  /// `launcher`: words before the program's own; may be none.
  CaddyProcess(std::filesystem::path folder, std::string program, std::vector<std::string> launcher);
  ~CaddyProcess();
  CaddyProcess(const CaddyProcess&) = delete;
  CaddyProcess& operator=(const CaddyProcess&) = delete;

  /// Whether it runs: ours, or one that an earlier daemon left and that answers on the socket.
  bool isRunning();
  /// Returns nullopt when `listen` (the address in caddy.json) and the admin API answer, else Caddy's own
  /// last words. Throws unavailable with what to install.
  std::optional<std::string> start(const std::string& listen);
  /// Replaces the whole configuration: only for a change of the listen address or of this program's version.
  /// Throws unavailable with Caddy's reason; the old configuration stays then.
  void load(const std::string& config);
  /// SIGTERM, up to 8 s for requests in flight, SIGKILL. Nothing happens when it does not run.
  void stop();

 private:
  struct Peer {
    pid_t pid = 0;
    base::Fd pidFd;
  };
  std::optional<Peer> findPeer() const;
  std::string socketPath(const base::Fd& folder) const;
  bool awaitListeners(const std::string& listen);
  std::string lastWords() const;

  std::filesystem::path folder_;
  std::string program_;
  std::vector<std::string> launcher_;
  std::optional<base::ChildProcess> child_;  // when we started it
  Peer adopted_;                             // when an earlier daemon did
};

}  // namespace runner::detail
