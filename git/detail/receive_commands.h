// What a pushing client asks for: its commands, capabilities and push options. (gitprotocol-pack, "Reference
// Update Request".)
#pragma once

#include <set>
#include <string>
#include <vector>

#include "git/pkt_line.h"
#include "git/receive_pack.h"

namespace git::detail {

struct PushRequestLines {
  std::vector<PushCommand> commands;  ///< none: the client has nothing to push
  std::set<std::string> capabilities;
  std::vector<std::string> options;
  std::vector<ObjectId> shallow;  ///< where the client's history is cut off
  bool wants(const std::string& capability) const { return capabilities.contains(capability); }
};

/// Reads up to the pack. Throws invalidArgument for what is malformed or over a limit (the message names its
/// setting).
PushRequestLines readPushRequest(PktReader& reader, ObjectFormat format, const ReceiveSettings& settings);

}  // namespace git::detail
