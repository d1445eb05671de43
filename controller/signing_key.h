// The keys by which this server knows its own words again.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

namespace controller {

/// The key in `file`, made at first (mode 0600). Throws corrupt, naming what `use` loses, when it is damaged.
std::string readOrMakeKey(const std::filesystem::path& file, const std::string& use);
/// HMAC-SHA256 in hex, or its first digits, compared: takes as long for a near miss as for a far one.
bool sameSignature(std::string_view mine, std::string_view theirs) noexcept;

}  // namespace controller
