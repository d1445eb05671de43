// Deltas: an object told as pieces of another. (gitformat-pack, "Deltified representation".)
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace git::detail {

/// The most bytes that a delta's two sizes take.
inline constexpr std::size_t kMaxDeltaHeader = 20;

struct DeltaHeader {
  std::uint64_t baseSize = 0;
  std::uint64_t resultSize = 0;
  std::size_t bytes = 0;  ///< of the header itself
};

/// Throws corrupt.
DeltaHeader readDeltaHeader(std::string_view delta);

/// Throws corrupt for a delta that does not fit its base or its own header.
std::string applyDelta(std::string_view base, std::string_view delta);

}  // namespace git::detail
