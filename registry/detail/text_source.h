// A text as a source of bytes.
#pragma once

#include <string_view>

#include "base/byte_sink.h"

namespace registry::detail {

/// Of a text that outlives it.
class TextSource : public base::ByteSource {
 public:
  explicit TextSource(std::string_view text) : left_(text) {}
  std::size_t read(char* buffer, std::size_t capacity) override {
    const std::size_t count = left_.copy(buffer, capacity);
    left_.remove_prefix(count);
    return count;
  }

 private:
  std::string_view left_;
};

}  // namespace registry::detail
