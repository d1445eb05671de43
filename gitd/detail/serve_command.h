// What one exec request asks for, served to its end.
#pragma once

#include <string>

#include "gitd/detail/service.h"

namespace gitd::detail {

struct ExecRequest {
  std::string commandLine;  ///< empty for a shell
  bool terminal = false;    ///< the client made a pty: it wants "\r\n"
};

/// Serves a request and says so with context.io.finish(). The top of a session: everything thrown becomes a
/// sentence for the client, a log line and an exit status here. Runs on a worker's thread.
void serveCommand(const ServiceContext& context, const ExecRequest& request) noexcept;

}  // namespace gitd::detail
