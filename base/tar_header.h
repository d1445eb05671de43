// Headers of tar files, for archives whose length has to be known before they are written.
#pragma once

#include <cstdint>
#include <string>

namespace base {

/// One entry. Its content follows the header, padded with zero bytes by tarPadding().
struct TarEntry {
  enum class Kind { file, folder, symlink };
  std::string name;  ///< without a final slash
  Kind kind = Kind::file;
  unsigned mode = 0644;
  std::uint64_t sizeBytes = 0;  ///< of a file
  std::string linkTarget{};     ///< of a symlink
};

/// A ustar header with owner 0 and time 0; what does not fit into it (long names, 8 GiB and more) stands in a
/// pax header before it. Whole blocks. (POSIX pax, ustar Interchange Format.)
std::string tarHeader(const TarEntry& entry);
/// Up to the next whole block.
std::uint64_t tarPadding(std::uint64_t sizeBytes) noexcept;
inline constexpr std::uint64_t kTarBlock = 512;
/// What ends an archive.
inline constexpr std::uint64_t kTarEndBytes = 2 * kTarBlock;

}  // namespace base
