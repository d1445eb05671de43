// What every service of a session needs to know.
#pragma once

#include <string>
#include <string_view>

#include "gitd/detail/channel_io.h"
#include "gitd/push_handler.h"
#include "gitd/ssh_server.h"

namespace gitd::detail {

/// As git clients see us. (gitprotocol-capabilities, agent.)
inline constexpr std::string_view kAgent = "fairlead/" FAIRLEAD_VERSION;

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
