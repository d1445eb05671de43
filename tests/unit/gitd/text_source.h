// Bytes of a test as a source that gives them in small pieces.
#pragma once

#include <algorithm>
#include <cstring>
#include <string>

#include "base/byte_sink.h"

namespace gitd::testing {

class TextSource : public base::ByteSource {
 public:
  explicit TextSource(std::string text, std::size_t piece = 1u << 20)
      : text_(std::move(text)), piece_(piece) {}
  std::size_t read(char* buffer, std::size_t capacity) override {
    const std::size_t count = std::min({capacity, piece_, text_.size() - at_});
    std::memcpy(buffer, text_.data() + at_, count);
    at_ += count;
    return count;
  }

 private:
  std::string text_;
  std::size_t piece_;
  std::size_t at_ = 0;
};

}  // namespace gitd::testing
