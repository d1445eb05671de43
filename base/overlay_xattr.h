// How overlayfs marks folders, which depends on whose user namespace mounts it.
#pragma once

#include <cstdint>
#include <optional>

namespace base {

/// A line of /proc/self/uid_map. (user_namespaces(7))
struct UserMapping {
  std::uint32_t first = 0;    ///< in this process's user namespace
  std::uint32_t outside = 0;  ///< what that is outside of it
  std::uint32_t count = 0;
};
/// The first line; nullopt where there is none.
std::optional<UserMapping> firstUserMapping();

/// Whether this process's root is the host's. Another's overlays are mounted with "userxattr" (Linux 5.11).
/// Looked at once. Thread-safe.
bool isHostsUserNamespace();

/// The extended attribute of a folder that hides what lower layers have in it: trusted.*, which only the
/// host's root can set, or user.*. Thread-safe.
const char* opaqueXattr();

}  // namespace base
