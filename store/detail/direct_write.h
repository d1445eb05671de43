// Writing large files past the page cache.
#pragma once

#include <cstddef>
#include <string_view>

#include "base/fd.h"

namespace store::detail {

constexpr std::size_t kDirectAlignment = 4096;  ///< of addresses, positions and lengths

/// Writes at the file's position. What can go to the disk straight from our memory does: whole pages of bytes
/// that begin at a page, at a position that is one. What nobody reads soon then needs no memory of the
/// machine, and there is little left to be synced. The rest, and all on a file system that cannot do this,
/// goes through the cache. Errors as base::writeAll().
void writeDirectly(const base::Fd& fd, std::string_view bytes);

}  // namespace store::detail
