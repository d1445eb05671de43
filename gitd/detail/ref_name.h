// Which names a ref may have. (git-check-ref-format; stricter in length.)
#pragma once

#include <string_view>

namespace gitd::detail {

inline constexpr std::size_t kMaxRefName = 250;

/// "refs/" and at least two more components, as git receive-pack demands, at most 250 bytes.
bool isRefName(std::string_view name) noexcept;

/// 40 lower-case hex digits.
bool isObjectId(std::string_view text) noexcept;

}  // namespace gitd::detail
