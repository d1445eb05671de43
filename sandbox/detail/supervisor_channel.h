// The socket pair between the daemon and its supervisor: connections are handed over by it.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "base/fd.h"

namespace sandbox {

/// What comes by the channel.
struct ChannelMessage {
  std::string bytes;
  base::Fd connection;  ///< invalid when there is none, or more than one
};

/// A pair of connected sockets that keep messages apart, O_CLOEXEC.
std::pair<base::Fd, base::Fd> makeChannel();
/// False when the other side has gone. Thread-safe, as each message is one system call.
bool sendOnChannel(const base::Fd& channel, std::string_view bytes, const base::Fd* connection = nullptr);
/// Waits for a message; nullopt when the other side has gone.
std::optional<ChannelMessage> receiveFromChannel(const base::Fd& channel);

inline constexpr std::string_view kConnect = "connect";
inline constexpr std::string_view kEnd = "end";

}  // namespace sandbox
