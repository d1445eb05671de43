// Child processes: spawn, wait with a deadline, never leak.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "base/fd.h"

namespace base {

struct ExitStatus {
  int code = 0;    ///< exit code; meaningless when signal != 0
  int signal = 0;  ///< terminating signal or 0
  bool ok() const noexcept { return code == 0 && signal == 0; }
  /// "exit status 3" or "killed by signal 9".
  std::string describe() const;
};

/// pidfd_open(2): readable when the process has ended; invalid, with errno set, when there is none.
Fd openPidFd(pid_t pid) noexcept;

struct ChildFd {
  const Fd* source;  ///< borrowed for the spawn call
  int target;        ///< number in the child, e.g. 0, 1, 2, 3
};

struct ChildSpec {
  std::vector<std::string> argv;                        ///< argv[0] is looked up in PATH
  std::optional<std::vector<std::string>> environment;  ///< "K=V" list; nullopt inherits ours
  std::string workingDirectory;                         ///< empty inherits
  std::vector<ChildFd> fds;                             ///< 0, 1, 2 not named here are /dev/null
  bool ownSession = false;  ///< setsid: survives our terminal; else only its own process group
};

/// One child in a process group of its own. Abandoning the object kills the group (SIGKILL) and reaps, unless
/// release() was called. Signals are reset and unblocked in the child. One thread at a time. Throws notFound
/// when argv[0] is missing.
class ChildProcess {
 public:
  static ChildProcess spawn(const ChildSpec& spec);
  ChildProcess(ChildProcess&& other) noexcept;
  ChildProcess& operator=(ChildProcess&& other) noexcept;
  ~ChildProcess();

  pid_t pid() const noexcept { return pid_; }
  /// Readable when the child has ended (pidfd).
  const Fd& pidFd() const noexcept { return pidFd_; }
  std::optional<ExitStatus> tryWait();
  ExitStatus wait();
  std::optional<ExitStatus> waitFor(std::chrono::milliseconds timeout);
  /// To the whole group; no error when it is gone.
  void signalGroup(int signalNumber) noexcept;
  /// Leaves the child running for good; the object becomes empty.
  void release() noexcept;

 private:
  ChildProcess(pid_t pid, Fd pidFd) noexcept : pid_(pid), pidFd_(std::move(pidFd)) {}
  pid_t pid_ = -1;  // -1: empty or reaped
  Fd pidFd_;
  std::optional<ExitStatus> status_;
};

struct CommandOptions {
  std::string input;  ///< given on stdin
  std::optional<std::vector<std::string>> environment;
  std::string workingDirectory;
  std::chrono::milliseconds timeout = std::chrono::seconds(60);
  std::size_t maxOutputBytes = 4u << 20;  ///< of each stream; more is read and dropped
  std::stop_token stop;
};

struct CommandOutput {
  ExitStatus status;
  std::string out;
  std::string err;
};

/// Runs a command to its end with its output collected. Throws timedOut or cancelled after killing its group;
/// a non-zero exit is a value. Output of what the command left running is collected for one second more.
CommandOutput runCommand(const std::vector<std::string>& argv, const CommandOptions& options = {});

/// runCommand, and throws Error(io, "NAME failed (exit status N): last line of stderr") unless it exited 0.
/// Returns stdout.
std::string mustRun(const std::vector<std::string>& argv, const CommandOptions& options = {});

/// Full path of a program in PATH plus the sbin folders, or nullopt.
std::optional<std::string> findProgram(const std::string& name);

}  // namespace base
