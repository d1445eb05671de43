// Which system calls a container may make.
#pragma once

#include "base/json.h"

namespace sandbox {

/// The "linux.seccomp" object of an OCI configuration: an allow-list for programs without capabilities. What
/// can change the machine, its mounts, namespaces, clock, keys or modules gives EPERM; whatever is not listed
/// (newer calls too) gives ENOSYS, so that programs take their fallback. Only the machine's native ABI: a
/// 32-bit program on a 64-bit machine is killed, which halves the surface and nearly halves the time to build
/// the filter. (OCI runtime-spec, config-linux.md, Seccomp.)
base::JsonObject::Ptr seccompProfile();

}  // namespace sandbox
