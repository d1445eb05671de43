// Reading a file out of a tree that a stranger wrote.
#pragma once

#include <cstddef>
#include <filesystem>
#include <optional>
#include <string>

namespace builder::detail {

/// The text of a regular file below `folder`, or nullopt when there is none. Links are followed inside the
/// folder only, as if it were the root; fifos and devices are not opened. Of a longer file the first
/// `maxBytes` + 1 bytes. Throws io.
std::optional<std::string> readTreeFile(const std::filesystem::path& folder, const std::string& name,
                                        std::size_t maxBytes);

}  // namespace builder::detail
