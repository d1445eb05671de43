// Messages with descriptors over a stream socket of this machine.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/fd.h"

namespace sandbox {

/// What a frame holds.
enum class FrameKind : std::uint8_t { settings, call, answer, output, refusedHost };

struct Frame {
  FrameKind kind = FrameKind::call;
  std::string bytes;
  std::vector<base::Fd> fds;
};

/// Frames of a length (4 bytes, little endian), a kind and that many bytes, at most kMaxMessage. One thread
/// sends and one receives at a time. Blocks for as long as the other side does; nothing raises SIGPIPE.
class FrameSocket {
 public:
  /// A stream socket (AF_UNIX).
  explicit FrameSocket(base::Fd socket) : socket_(std::move(socket)) {}

  /// False when the other side has gone.
  bool send(FrameKind kind, std::string_view bytes, const std::vector<int>& fds = {});
  /// nullopt at the end of the stream. Throws Error(invalidArgument) for what is no frame, is too long, ends
  /// early or has more descriptors than any message: nothing can be read after that.
  std::optional<Frame> receive();

  const base::Fd& socket() const noexcept { return socket_; }
  base::Fd release() noexcept { return std::move(socket_); }
  /// No more is sent, or read by a receive() under way: its end.
  void endSending() noexcept;
  void endBoth() noexcept;

 private:
  bool receiveAll(char* buffer, std::size_t count, std::vector<base::Fd>& fds);

  base::Fd socket_;
};

/// The two ends of a new connection, O_CLOEXEC.
std::pair<base::Fd, base::Fd> makeConnection();

}  // namespace sandbox
