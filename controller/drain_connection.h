// The connection of one drain.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "controller/drain_address.h"
#include "controller/drain_target.h"
#include "registry/web_options.h"

namespace controller {

/// Sends lines to a drain, connecting when there is need. One thread at a time.
class DrainConnection {
 public:
  virtual ~DrainConnection() = default;
  /// All of them, acknowledged as far as the receiver does that (HTTP: by a 2xx; syslog: not at all). Throws
  /// unavailable, with the reason, and is to be called again with the same lines. Blocks for at most some
  /// seconds without progress.
  virtual void send(const std::vector<runner::LogLine>& lines) = 0;
};

/// How drains are reached.
struct DrainReach {
  const registry::WebOptions& web;  ///< whose authorities are trusted; outlives the connection
  LocalReceivers local = LocalReceivers::refused;
};
std::unique_ptr<DrainConnection> makeDrainConnection(const DrainTarget& target, const std::string& token,
                                                     const DrainReach& reach);

}  // namespace controller
