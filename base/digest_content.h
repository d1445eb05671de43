// SHA-256 of many contents, one after the other.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string_view>

namespace base {

using ContentDigest = std::array<std::uint8_t, 32>;

/// As Sha256, for those who hash thousands of small things: nothing is allocated for each. One thread at a
/// time.
class ContentHash {
 public:
  ContentHash();
  ~ContentHash();
  ContentHash(const ContentHash&) = delete;
  ContentHash& operator=(const ContentHash&) = delete;
  void update(std::string_view bytes);
  /// Of what came since the last call.
  ContentDigest take();

 private:
  struct Context;
  std::unique_ptr<Context> context_;
};

}  // namespace base
