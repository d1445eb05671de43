// What every service of a session needs to know.
#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include "gitd/detail/channel_io.h"
#include "gitd/push_handler.h"
#include "gitd/ssh_server.h"

namespace gitd::detail {

/// As git clients see us. (gitprotocol-capabilities, agent.)
inline constexpr std::string_view kAgent = "fairlead/" FAIRLEAD_VERSION;

/// To those whose push or command is ended with the server,
inline constexpr std::string_view kShutDown =
    "the server is shutting down and this was not finished in time (setting ssh_drain_s): try again in a "
    "moment";
/// which has this long to reach them.
inline constexpr std::chrono::milliseconds kFarewell{500};

/// To those whose key cannot be looked up.
inline constexpr std::string_view kNoLookup =
    "the server cannot look up keys now: try again in a moment, and tell its administrator when it stays so";

/// One exec request of a verified user. The references outlive the service.
struct ServiceContext {
  const SshServerConfig& config;
  PushHandler& handler;
  ChannelIo& io;
  Identity identity;
  std::string peer;  ///< "ADDRESS:PORT"
  int protocol = 0;  ///< what the client asked for with GIT_PROTOCOL
};

}  // namespace gitd::detail
