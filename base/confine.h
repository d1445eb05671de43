// Giving up rights, for good, before a program that reads what strangers send.
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

namespace base {

struct Confinement {
  uid_t uid = 0;  ///< 0: the user stays who it is
  gid_t gid = 0;
  bool lowPorts = false;  ///< keeps CAP_NET_BIND_SERVICE (as an ambient capability), to listen below 1024
  bool anyFiles = false;  ///< keeps what writes and gives away files of others: CAP_CHOWN, CAP_DAC_OVERRIDE,
                          ///< CAP_FOWNER, CAP_FSETID (for who has a user namespace of its own)
  std::vector<gid_t> groups{};  ///< supplementary ones that it gets
};

/// Of a whole process with one thread, for itself and all that it executes: user and group (supplementary
/// groups go), no capabilities but the one above, no_new_privs, and a seccomp filter that refuses (EPERM)
/// what only who runs a machine needs: mounts, namespaces, modules, tracing others, clocks, keys, raw and
/// packet sockets, io_uring. Who is not root keeps its user. Throws Error; the process is to end then.
void confine(const Confinement& confinement);

/// "UID:GID" (numbers), with ",low-ports" behind it when it may listen there: for a command line. The rest is
/// not in it.
std::string toText(const Confinement& confinement);
/// Throws invalidArgument.
Confinement parseConfinement(const std::string& text);

/// Of an account of this machine, by name. Throws notFound.
Confinement confinementOf(const std::string& account);

}  // namespace base
