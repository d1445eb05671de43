// The Caddy process: started in a session of its own, found again by the next daemon.
#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "base/fd.h"
#include "sandbox/host_programs.h"

namespace runner::detail {

/// Runs `caddy run` in `folder` with folder/caddy.json; its admin API is folder/caddy/admin.sock, and all
/// that it writes is in that folder. One thread at a time. The destructor leaves it running.
class CaddyProcess {
 public:
  /// `programs` outlives it.
  CaddyProcess(std::filesystem::path folder, sandbox::HostPrograms& programs);
  CaddyProcess(const CaddyProcess&) = delete;
  CaddyProcess& operator=(const CaddyProcess&) = delete;

  /// Whether it runs: ours, or one that an earlier daemon left and that answers on the socket.
  bool isRunning();
  /// Readable when the one that was found running has ended; invalid when none was.
  base::Fd end() const;
  /// Returns nullopt when `listen` (the address in caddy.json) and the admin API answer, else Caddy's own
  /// last words. Throws what routerProgram() throws.
  std::optional<std::string> start(const std::string& listen);
  /// Replaces the whole configuration: only for a change of the listen address or of this program's version.
  /// Throws unavailable with Caddy's reason; the old configuration stays then.
  void load(const std::string& config);
  /// SIGTERM, up to 8 s for requests in flight, SIGKILL. Nothing happens when it does not run.
  void stop();

 private:
  using Process = sandbox::HostPrograms::Started;
  std::optional<Process> findProcess() const;
  std::string socketPath(const base::Fd& folder) const;
  bool awaitListeners(const std::string& listen) const;
  std::string lastWords() const;

  std::filesystem::path folder_;
  sandbox::HostPrograms& programs_;
  Process process_;
};

}  // namespace runner::detail
