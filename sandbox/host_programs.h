// Programs of the host that take more rights than the daemon has.
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "base/child_process.h"
#include "base/fd.h"

namespace sandbox {

/// What a program can be given on stdin: as much as a pipe holds.
inline constexpr std::size_t kHostProgramInputBytes = 60'000;

/// One that may be started, and how: all of it is decided here, and who asks says only the name.
struct HostProgram {
  std::vector<std::string> argv;
  std::vector<std::string> environment;  ///< "K=V", all of it
  std::string workingDirectory = "/";
  std::string input;               ///< given on stdin; at most kHostProgramInputBytes
  std::optional<uid_t> user = {};  ///< what it becomes: then signal() refuses processes of others
};

/// By name; throws notFound for one that there is not, or what keeps it from being started.
using HostProgramTable = std::function<HostProgram(const std::string& name)>;

/// Names: "router", and what stackPrograms() of builder/stack_maker.h has. Thread-safe.
class HostPrograms {
 public:
  struct Started {
    pid_t pid = 0;
    base::Fd pidFd;
  };

  virtual ~HostPrograms() = default;

  /// In a session of its own, with `output` as its stdout and stderr. It outlives this process.
  virtual Started start(const std::string& name, const base::Fd& output) = 0;
  /// SIGTERM or SIGKILL to a process that start() has started, also that of an earlier daemon; nothing
  /// happens when it has ended. Throws permissionDenied for a process that is not the program's.
  virtual void signal(const std::string& name, pid_t pid, int signalNumber) = 0;
  /// Runs it to its end with this stdout and stderr. A stop is SIGTERM to all that it has started and SIGKILL
  /// 10 s later. It ends with this process.
  virtual base::ExitStatus run(const std::string& name, const base::Fd& output, const base::Fd& log,
                               std::stop_token stop) = 0;
  /// One of the files that the operator's settings name, for reading. Throws as base::openFile() does, and
  /// permissionDenied for any other.
  virtual base::Fd openFile(const std::filesystem::path& path) = 0;
};

/// By this process itself: with its own rights, and any file.
std::unique_ptr<HostPrograms> makeHostPrograms(HostProgramTable table);

}  // namespace sandbox
