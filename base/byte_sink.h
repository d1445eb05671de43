// The narrowest stream interfaces: something that takes bytes, something that gives them.
#pragma once

#include <cstddef>
#include <string_view>

namespace base {

/// Takes bytes in order. write() throws Error; an implementation states its own thread rule.
class ByteSink {
 public:
  virtual ~ByteSink() = default;
  virtual void write(std::string_view bytes) = 0;
};

/// Drops what it is given. Thread-safe.
class DiscardSink : public ByteSink {
 public:
  void write(std::string_view) override {}
};

/// Gives bytes in order. read() returns 0 at the end and throws Error.
class ByteSource {
 public:
  virtual ~ByteSource() = default;
  virtual std::size_t read(char* buffer, std::size_t capacity) = 0;
};

}  // namespace base
