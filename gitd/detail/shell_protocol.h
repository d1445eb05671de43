// The bytes between `fairlead ssh-shell` and the daemon: a line of JSON with the request, then the client's
// input as it is; back come frames of a kind, four bytes of length (big-endian) and as many bytes.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace gitd::detail {

inline constexpr std::size_t kMaxShellRequest = 128u << 10;
inline constexpr std::size_t kMaxShellFrame = 1u << 20;
inline constexpr std::size_t kShellFrameHeader = 5;

enum class ShellFrame : char { out = 'o', err = 'e', exit = 'x' };

struct ShellCall {
  enum class Want { serve, identify };
  Want want = Want::serve;
  std::string fingerprint;
  std::string commandLine;
  std::string gitProtocol;
  std::string peer;
};

/// One line, with its end.
std::string encodeCall(const ShellCall& call);
/// Throws invalidArgument for anything but a call.
ShellCall decodeCall(std::string_view line);

void appendFrame(std::string& out, ShellFrame kind, std::string_view bytes);

/// Takes frames off a stream of bytes. One thread at a time.
class ShellFrames {
 public:
  struct Frame {
    ShellFrame kind;
    std::string bytes;
  };
  void append(std::string_view bytes) { buffer_.append(bytes); }
  /// nullopt until one is complete; throws corrupt for what is none.
  std::optional<Frame> next();

 private:
  std::string buffer_;
};

}  // namespace gitd::detail
