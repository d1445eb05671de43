// What a protocol runs over: the bytes of one client, whatever carries them.
#pragma once

#include <chrono>
#include <cstdint>
#include <stop_token>
#include <string_view>

#include "base/byte_sink.h"

namespace git {

/// A client's two directions, as a blocking stream for the one thread that serves it. Once the client is
/// gone, read() and write() throw cancelled. read() is 0 at the end of the client's input.
class Wire : public base::ByteSource {
 public:
  /// To the client, as it is; may block while the client is slow. Nothing is held back.
  virtual void write(std::string_view bytes) = 0;
  /// For the client's screen: side-band 2, or the error stream where the client takes no side-band. Dropped
  /// in silence when the client is gone.
  virtual void writeProgress(std::string_view text) = 0;
  /// From here on output is side-band packets: progress is framed, and silence is filled with empty ones.
  virtual void useSideBand() = 0;
  /// Back to plain output, when another request of the same client may follow.
  virtual void endSideBand() = 0;
  virtual bool usesSideBand() const = 0;
  /// Waits until everything was sent, dropping input meanwhile and after, until the client ends its input, is
  /// gone, `maxBytes` have come or the deadline has passed: what a client needs that sends a pack nobody
  /// wants.
  virtual void discardInput(std::uint64_t maxBytes, std::chrono::steady_clock::time_point deadline) = 0;
  /// Requested when the client hung up.
  virtual std::stop_token clientClosed() const = 0;
  /// Requested when the client hung up or was lost.
  virtual std::stop_token clientGone() const = 0;
};

}  // namespace git
