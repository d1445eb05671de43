// What the supervisor gives up of its rights.
#pragma once

namespace sandbox {

/// For the process and all that it starts, for good: capabilities that neither the OCI runtime nor conmon,
/// the CNI plugins or iptables need; gaining rights by a program's file (no_new_privs); being looked into by
/// other processes (dumpable). Before other threads exist. Throws Error when the kernel refuses.
void giveUpRights();

/// Of /proc/PID/status: the capabilities that are given up, as its bit mask.
unsigned long long givenUpCapabilities();

}  // namespace sandbox
