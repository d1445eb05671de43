// How an entry of a pack begins. (gitformat-pack.)
#pragma once

#include <cstdint>
#include <string>

namespace git::detail {

/// Types of entries beside the objects' own.
inline constexpr unsigned kOffsetDelta = 6;
inline constexpr unsigned kIdDelta = 7;

/// Type and size of what is deflated.
void appendEntryHeader(std::string& out, unsigned type, std::uint64_t size);
/// How far before an offset delta its base begins; `distance` is above 0.
void appendBaseDistance(std::string& out, std::uint64_t distance);

}  // namespace git::detail
