// The Range header (RFC 9110, section 14).
#pragma once

#include <cstdint>
#include <string_view>
#include <variant>

namespace base::detail {

struct WholeFile {
};  ///< no range, one that is not understood, or several: all of them may be answered with everything
struct Unsatisfiable {};  ///< 416
struct ByteRange {
  std::uint64_t first;
  std::uint64_t last;  ///< inclusive
};
using RangeAnswer = std::variant<WholeFile, Unsatisfiable, ByteRange>;

/// What to send of `size` bytes for a Range header's value.
RangeAnswer parseRange(std::string_view header, std::uint64_t size) noexcept;

/// Does a list of entity tags (If-None-Match: "*", "a", W/"b") name `etag` (given without quotes)? Weak
/// comparison.
bool etagListMatches(std::string_view header, std::string_view etag) noexcept;

}  // namespace base::detail
