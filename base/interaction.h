// Somebody at the other end of a running command: a screen, perhaps a keyboard.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "base/byte_sink.h"

namespace base {

struct TerminalSize {
  unsigned columns = 80;
  unsigned rows = 24;
};

/// A client's terminal, or its three streams. read() and output() may be used by two threads at the same
/// time.
class Interaction : public ByteSource {
 public:
  /// The client's terminal in raw mode; nullopt: it has none.
  virtual std::optional<TerminalSize> terminal() const = 0;
  /// Its TERM; empty without one.
  virtual std::string terminalType() const = 0;
  /// From now on keys are bytes, Ctrl-C too, and output goes out as it is. `resized` is called on any thread
  /// until endInput() returns.
  virtual void begin(std::function<void(TerminalSize)> resized) = 0;
  virtual ByteSink& output() = 0;
  /// A read() that waits, and all to come, return 0.
  virtual void endInput() = 0;
};

}  // namespace base
