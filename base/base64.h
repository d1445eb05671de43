// Base64 as tokens and credentials have it.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace base {

/// The alphabet of RFC 4648 section 4, padded.
std::string toBase64(std::string_view bytes);
/// The alphabet for URLs and file names (section 5), without padding.
std::string toBase64Url(std::string_view bytes);
/// Either alphabet, padded or not; nullopt for anything else, and where bits are left over.
std::optional<std::string> fromBase64(std::string_view text);

}  // namespace base
