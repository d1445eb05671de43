// A process that is not our child, named so that a later one with the same pid is not taken for it.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <filesystem>
#include <string>

#include "base/fd.h"

namespace sandbox {

/// Pid, start time (clock ticks since boot) and boot id: a value that can be kept in a file over restarts of
/// the daemon and of the machine.
struct ProcessRef {
  pid_t pid = 0;
  std::uint64_t startTicks = 0;
  std::string bootId;

  /// Of a process that runs now; a default value when there is none.
  static ProcessRef of(pid_t pid);
  bool alive() const;
  /// Readable when it has ended; invalid when it has ended already. Works on processes that are not our
  /// children.
  base::Fd open() const;
};

/// The one whose pid is in a file, as long as its command line names that file; else a default value.
ProcessRef processOfFile(const std::filesystem::path& pidFile);

/// Its arguments, each ended by a zero byte; empty when it has ended.
std::string commandLineOf(const ProcessRef& process);

/// Sends a signal through a pidfd; nothing happens when the process is gone.
void signalProcess(const base::Fd& pidFd, int signalNumber) noexcept;

/// Waits until a pidfd's process has ended, at most timeoutMs; true when it has. An invalid pidfd is one that
/// has ended.
bool waitForEnd(const base::Fd& pidFd, int timeoutMs);

}  // namespace sandbox
