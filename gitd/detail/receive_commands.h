// What a pushing client asks for: its commands, capabilities and push options. (gitprotocol-pack, "Reference
// Update Request".)
#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include "git/pkt_line.h"
#include "gitd/push_handler.h"

namespace gitd::detail {

struct PushCommands {
  std::vector<RefUpdate> updates;  ///< none: the client has nothing to push
  std::set<std::string> capabilities;
  std::vector<std::string> options;
  bool shallow = false;  ///< the client's history is cut off
  bool wants(const std::string& capability) const { return capabilities.contains(capability); }
};

/// Reads up to the pack. Throws invalidArgument for what is malformed or over a limit (the message names it).
PushCommands readPushCommands(git::PktReader& reader, std::uint32_t maxCommands);

}  // namespace gitd::detail
