// Sizes as people write them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace base {

/// "1073741824", "1024M", "1G" (K, M, G, T: powers of 1024; small letters too); nullopt for anything else and
/// for what does not fit.
std::optional<std::uint64_t> parseSize(std::string_view text) noexcept;

/// The shortest text that parseSize() reads back as `bytes`: "1G", "1500M", "1000".
std::string exactSize(std::uint64_t bytes);

}  // namespace base
