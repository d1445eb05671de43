// Removal relative to a folder.
#pragma once

#include <string>

#include "base/fd.h"

namespace base::detail {

/// Removes `name` (one component) in the folder, with what is below it; missing is fine. Makes folders
/// writable where that is needed. Follows no symlink and does not leave the file system that `name` is on:
/// throws io when another one is mounted in it.
void removeAt(const Fd& folder, const std::string& name);

}  // namespace base::detail
