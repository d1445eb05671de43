// What a build did to its cache, taken into the cache that is kept.
#pragma once

#include <filesystem>

#include "builder/detail/trash.h"

namespace builder::detail {

/// Makes `kept` what a build saw when it had `changes` (an overlay's upper folder, not mounted any more) over
/// it: what is new is moved there, what was removed goes. Costs what has changed, not what is kept. `changes`
/// is gone afterwards. Interrupted anywhere, it is to be called again and goes on. Both on one file system;
/// follows no symlink; any depth. One thread at a time. Throws io. (Linux, Documentation/filesystems/
/// overlayfs.rst: whiteouts and opaque directories.)
void mergeCache(const std::filesystem::path& changes, const std::filesystem::path& kept, Trash& trash);

}  // namespace builder::detail
