// pkt-lines: the framing of git's protocols. (gitprotocol-common, pkt-line Format.)
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "base/byte_sink.h"

namespace git {

/// Payload bytes of the longest packet.
inline constexpr std::size_t kMaxPktPayload = 65516;
/// Bytes of the length in front.
inline constexpr std::size_t kPktHeader = 4;
inline constexpr std::string_view kFlushPkt = "0000";
inline constexpr std::string_view kDelimPkt = "0001";

/// Adds one data packet; payload of at most kMaxPktPayload bytes.
void appendPkt(std::string& out, std::string_view payload);
std::string pktLine(std::string_view payload);
/// Writes kPktHeader hex digits: a packet's length, those digits included.
void writePktLength(char* header, std::size_t length) noexcept;

enum class PktKind { data, flush, delim, responseEnd, endOfInput };

struct Pkt {
  PktKind kind = PktKind::endOfInput;
  std::string_view payload;  ///< valid until the next call; without the newline that ends a text line
};

/// Reads packets from a source, then raw bytes (a pack follows the commands without a frame). Reads ahead, so
/// nobody else may read from the source. Buffers at most 128 KiB. One thread at a time.
class PktReader : public base::ByteSource {
 public:
  explicit PktReader(base::ByteSource& in) : in_(in) {}

  /// The next packet; endOfInput only between packets. Throws invalidArgument for a malformed length, io for
  /// an end inside a packet.
  Pkt next();
  /// Raw bytes after the last packet.
  std::size_t read(char* buffer, std::size_t capacity) override;

 private:
  bool fill(std::size_t wanted);

  base::ByteSource& in_;
  std::string buffer_;
  std::size_t at_ = 0;
};

}  // namespace git
