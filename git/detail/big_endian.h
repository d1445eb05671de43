// Numbers in network order, as git's files hold them.
#pragma once

#include <cstdint>

namespace git::detail {

inline std::uint32_t readBig32(const char* bytes) noexcept {
  const auto* at = reinterpret_cast<const unsigned char*>(bytes);
  return static_cast<std::uint32_t>(at[0]) << 24 | static_cast<std::uint32_t>(at[1]) << 16 |
         static_cast<std::uint32_t>(at[2]) << 8 | at[3];
}

inline std::uint64_t readBig64(const char* bytes) noexcept {
  return static_cast<std::uint64_t>(readBig32(bytes)) << 32 | readBig32(bytes + 4);
}

}  // namespace git::detail
