// Small text functions that std lacks.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace base {

std::string_view trim(std::string_view text) noexcept;
/// Splits at every `separator`; empty parts are kept; "" gives {""}.
std::vector<std::string> split(std::string_view text, char separator);
std::string join(const std::vector<std::string>& parts, std::string_view separator);
/// "12.3M", "512K", "900B": as people know it from "Compiled slug size is".
std::string formatBytes(std::uint64_t bytes);
/// For a word inside an sh command line: 'it'\''s'.
std::string shellQuote(std::string_view word);
/// `text` with bytes that are not printable ASCII or valid UTF-8 replaced by '?', cut to maxBytes: for error
/// messages that repeat input.
std::string printable(std::string_view text, std::size_t maxBytes = 80);
/// Whole non-negative decimal number without sign or spaces; nullopt when it is not one or does not fit.
bool parseNumber(std::string_view text, std::uint64_t& value) noexcept;
/// The candidate nearest to `word` by edit distance when it is near enough to be a typing slip, else "".
std::string nearest(std::string_view word, const std::vector<std::string>& candidates);

}  // namespace base
