// Deltas: an object as copies from another one and new bytes. (gitformat-pack, "Deltified representation".)
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace git::detail {

struct DeltaHead {
  std::uint64_t baseSize = 0;
  std::uint64_t resultSize = 0;
  std::size_t bytes = 0;  ///< that the two numbers take
};

/// The most that the two numbers can take.
constexpr std::size_t kDeltaHeadMax = 20;

/// nullopt when the two numbers are not whole, or do not fit 64 bits.
std::optional<DeltaHead> parseDeltaHead(std::string_view delta) noexcept;

/// Makes the result, whose head said how long it is, in `out`. False when the delta is damaged or does not
/// fit its base; nothing outside base and out is touched.
bool applyDelta(std::string_view base, std::string_view delta, char* out) noexcept;

}  // namespace git::detail
