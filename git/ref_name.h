// Which names a ref may have. (git-check-ref-format; stricter in length.)
#pragma once

#include <cstddef>
#include <string_view>

namespace git {

inline constexpr std::size_t kMaxRefName = 250;
inline constexpr std::size_t kMaxOldRefName = 4096;

/// "refs/" and at least two more components, as git receive-pack demands of what is written, at most 250
/// bytes.
bool isRefName(std::string_view name) noexcept;
/// Like isRefName, but "refs/x" will do, and 4096 bytes: what may be read or deleted.
bool isOldRefName(std::string_view name) noexcept;
/// "HEAD", "FETCH_HEAD": capital letters, '_' and '-'.
bool isPseudoRefName(std::string_view name) noexcept;

}  // namespace git
