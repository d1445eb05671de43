// Packets that a rule of the packet filter logs.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/fd.h"

namespace sandbox {

/// Of the NFLOG rules that belong to it.
inline constexpr std::uint16_t kPacketLogGroup = 100;

/// A socket of the calling thread's network namespace at which the first bytes of logged packets come at
/// once; nullopt where the kernel has no such log. Non-blocking.
std::optional<base::Fd> openPacketLog();

/// Where the IPv4 packets in what was read from it were going: "192.0.2.1:443", without a port for other
/// protocols than TCP and UDP. What cannot be read is left out. (Linux, nfnetlink_log.h.)
std::vector<std::string> loggedTargets(std::string_view messages);

}  // namespace sandbox
