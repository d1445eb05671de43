// What the server of an ordinary user runs in: namespaces of its own, with the host ids that /etc/subuid
// gives that user. (docs/ARCHITECTURE.md, "Without root".)
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace sandbox {

struct RootlessSettings {
  std::filesystem::path folder;   ///< the door's own, made with mode 0700
  std::string nameServers;        ///< as OciRuntimeConfig has it
  std::string logLevel = "info";  ///< as base::configureLogging() has it
  /// The words of a program whose main calls keepDoor(); nameServers and logLevel are put behind them.
  std::vector<std::string> doorCommand;
  /// Of the server that this becomes: processes there that an earlier door has left in namespaces that nobody
  /// can enter any more are killed when a new one is made.
  std::filesystem::path containers;
  std::filesystem::path router;
};

/// The first host id of the containers there.
inline constexpr unsigned kRootlessIdBase = 1;

/// Whose server this is: the host's user that root of this process's user namespace is. nullopt when it is
/// not in one that enterRootless() (or such a tool) has made.
std::optional<uid_t> rootlessUser();

/// Where there containers' root file systems are mounted: a folder that everybody can walk to, which nothing
/// of the host's is expected in.
std::filesystem::path rootlessMountFolder();

/// Sees to it that the namespaces and their door are there; an earlier server's are used again, so that what
/// runs in them is adopted. Returns the addresses that the door forwards to them now. Throws unavailable with
/// what is missing on this machine, and how to get it.
std::vector<std::string> openRootless(const RootlessSettings& settings);

/// After openRootless(): connections to these addresses ("HOST:PORT", numbers, no port 0) of the host come to
/// the same ones in the namespaces, and this process, which has one thread, is there, as root of them. It has
/// to be replaced by another program (exec) at once: the kernel still counts its memory among the host's. The
/// door goes when this process and all that is in the namespaces have ended. Throws unavailable with the
/// address that cannot be had.
void enterRootless(const RootlessSettings& settings, const std::vector<std::string>& addresses);

/// The door's main program, started by openRootless(): it stays outside, holds the namespaces while a server
/// is away, and keeps their network going. Returns the exit status.
int keepDoor(const std::vector<std::string>& args);

}  // namespace sandbox
