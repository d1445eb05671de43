// What a container did to a folder, taken into the folder.
#pragma once

#include <filesystem>

namespace sandbox {

/// As ForeignTrees::merge() has it. One thread at a time. Throws io.
void mergeChanges(const std::filesystem::path& changes, const std::filesystem::path& kept,
                  const std::filesystem::path& trash);

}  // namespace sandbox
