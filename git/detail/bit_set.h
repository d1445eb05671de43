// A set of small numbers.
#pragma once

#include <bit>
#include <cstdint>
#include <vector>

namespace git::detail {

/// Of fixed range. One thread at a time.
class BitSet {
 public:
  explicit BitSet(std::uint32_t range = 0) : words_((static_cast<std::size_t>(range) + 63) / 64) {}

  bool has(std::uint32_t number) const noexcept { return (words_[number >> 6] >> (number & 63) & 1) != 0; }
  /// True when it was not in.
  bool add(std::uint32_t number) noexcept {
    const std::uint64_t bit = std::uint64_t{1} << (number & 63);
    const bool fresh = (words_[number >> 6] & bit) == 0;
    words_[number >> 6] |= bit;
    return fresh;
  }
  /// True when it was in.
  bool remove(std::uint32_t number) noexcept {
    const std::uint64_t bit = std::uint64_t{1} << (number & 63);
    const bool was = (words_[number >> 6] & bit) != 0;
    words_[number >> 6] &= ~bit;
    return was;
  }
  /// Of [first, last).
  std::uint32_t count(std::uint32_t first, std::uint32_t last) const noexcept {
    std::uint32_t total = 0;
    std::uint32_t at = first;
    for (; at < last && (at & 63) != 0; ++at)
      total += has(at) ? 1 : 0;
    for (; last - at >= 64 && at < last; at += 64)
      total += static_cast<std::uint32_t>(std::popcount(words_[at >> 6]));
    for (; at < last; ++at)
      total += has(at) ? 1 : 0;
    return total;
  }

 private:
  std::vector<std::uint64_t> words_;
};

}  // namespace git::detail
