// What one exec request asks for, served to its end.
#pragma once

#include <optional>
#include <string>

#include "base/interaction.h"
#include "gitd/detail/service.h"

namespace gitd::detail {

struct ExecRequest {
  std::string commandLine;  ///< empty for a shell
  std::optional<base::TerminalSize> terminal = std::nullopt;  ///< the client made a pty: it wants "\r\n"
  std::string terminalType = {};                               ///< its TERM
};

/// Serves a request and says so with context.io.finish(). The top of a session: everything thrown becomes a
/// sentence for the client, a log line and an exit status here. Runs on a worker's thread.
void serveCommand(const ServiceContext& context, const ExecRequest& request) noexcept;

}  // namespace gitd::detail
