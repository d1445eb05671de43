// Names that git itself gives a meaning to, in every spelling that some file system takes for them.
// (CVE-2014-9390, CVE-2019-1353, CVE-2021-21300.)
#pragma once

#include <cstdint>
#include <string_view>

namespace git::detail {

enum class SpecialName : std::uint8_t { none, dotgit, gitmodules, gitattributes, gitignore, mailmap };

/// Folds what HFS+ ignores (case, some code points) and NTFS too (trailing dots and blanks, streams, short
/// names such as "GIT~1"). A backslash separates folders on Windows: the most telling part counts. Superset
/// of what either file system folds.
SpecialName specialName(std::string_view name);

}  // namespace git::detail
