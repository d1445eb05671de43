// The Content-Range of a chunk. (OCI distribution-spec, Pushing a blob in chunks.)
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace registry::detail {

struct ContentRange {
  std::uint64_t first;
  std::uint64_t last;  ///< inclusive
  std::uint64_t length() const noexcept { return last - first + 1; }
};

/// "FIRST-LAST" as the specification has it, or HTTP's own "bytes FIRST-LAST/SIZE" (SIZE may be "*"), which
/// some clients send. nullopt for anything else, and for a range that ends before it begins.
std::optional<ContentRange> parseContentRange(std::string_view text) noexcept;

}  // namespace registry::detail
