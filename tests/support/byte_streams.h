// Byte streams over strings.
#pragma once

#include <algorithm>
#include <string>
#include <string_view>
#include <utility>

#include "base/byte_sink.h"

namespace testing_support {

/// Keeps what is written.
class StringSink : public base::ByteSink {
 public:
  void write(std::string_view bytes) override { text.append(bytes); }
  std::string text;
};

/// Gives a string, at most `step` bytes at a time.
class StringSource : public base::ByteSource {
 public:
  explicit StringSource(std::string text, std::size_t step = std::string::npos)
      : text_(std::move(text)), step_(step) {}
  std::size_t read(char* buffer, std::size_t capacity) override {
    const std::size_t count = std::min({capacity, step_, text_.size() - position_});
    text_.copy(buffer, count, position_);
    position_ += count;
    return count;
  }

 private:
  std::string text_;
  std::size_t step_;
  std::size_t position_ = 0;
};

}  // namespace testing_support
