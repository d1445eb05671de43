// Layers are unpacked by a process that has the containers' ids and nothing else.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "base/fd.h"

namespace sandbox {

/// As ForeignTrees::unpackLayer() has it: `command` (its main is unpackLayerHere()) does it in a user
/// namespace whose ids are the containers', with `folder` as its root, a seccomp filter, and no rights but
/// those over files of these ids. Blocks; thread-safe.
void unpackApart(const std::vector<std::string>& command, std::uint32_t userNamespaceBase,
                 const base::Fd& tar, const std::filesystem::path& folder);

}  // namespace sandbox
