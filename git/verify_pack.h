// A second opinion on a pack, before what it replaces is removed.
#pragma once

#include <cstdint>
#include <filesystem>
#include <stop_token>

namespace git {

/// Reads every object of a SHA-1 pack with libgit2, which shares no code with what wrote it, and compares
/// each object's hash with its name. `index` is the path of the .idx. Returns the number of objects. Throws
/// corrupt when one is not what its name says or cannot be read, cancelled.
std::uint64_t verifyPack(const std::filesystem::path& index, const std::stop_token& stop);

}  // namespace git
