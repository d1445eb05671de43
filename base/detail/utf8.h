// UTF-8 (RFC 3629), one character at a time.
#pragma once

#include <cstddef>
#include <string_view>

namespace base::detail {

/// Length in bytes (1..4) of the well-formed character at the front of `text`, or 0 when there is none:
/// overlong forms, surrogates and what is above U+10FFFF are not well-formed.
std::size_t utf8Length(std::string_view text) noexcept;

/// The code point of a well-formed character.
char32_t utf8Decode(std::string_view character) noexcept;

}  // namespace base::detail
