// Files of /proc, /sys and /etc, which may go while they are read.
#pragma once

#include <filesystem>
#include <string>

namespace sandbox {

/// The whole file, or what could be read of it: empty when it is not there. For files whose size the kernel
/// does not tell.
std::string readOrEmpty(const std::filesystem::path& file);

}  // namespace sandbox
