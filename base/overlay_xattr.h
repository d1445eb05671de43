// How overlayfs marks folders, which depends on who mounts it.
#pragma once

namespace base {

/// Whether this process's root is the host's. Another's overlays are mounted with "userxattr" (Linux 5.11).
/// Thread-safe.
bool isHostsUserNamespace();

/// The extended attribute of a folder that hides what lower layers have in it: trusted.*, which only the
/// host's root can set, or user.*. Thread-safe.
const char* opaqueXattr();

}  // namespace base
