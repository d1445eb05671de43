// conmon: holds a container's output and exit code, whoever comes and goes.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "base/child_process.h"
#include "base/fd.h"
#include "sandbox/detail/container_files.h"

namespace sandbox {

/// The programs that make a container.
struct RuntimePrograms {
  std::string runtime;                ///< runc or crun
  std::string monitor;                ///< conmon
  std::string init;                   ///< a static init
  std::filesystem::path runtimeRoot;  ///< the runtime's own state
};

/// Where a container's output goes: exactly one of these.
struct OutputTarget {
  const base::Fd* pipe = nullptr;  ///< stdout and stderr, merged; borrowed for the call
  std::filesystem::path logFile;   ///< conmon writes CRI lines to it
};

struct CreatedContainer {
  ProcessRef init;
  ProcessRef monitor;
};

/// conmon starts `RUNTIME create`: afterwards the container's namespaces are there, and its first process
/// waits for startContainer(). Throws unavailable with the runtime's words. Blocks for about 40 ms.
/// Thread-safe, as are the others.
CreatedContainer createContainer(const RuntimePrograms& programs, const std::string& id,
                                 const ContainerFiles& files, const OutputTarget& output);
/// Where the files of one exec are: apart from the container's, which goes when the container ends.
struct ExecFiles {
  std::filesystem::path folder;
  std::filesystem::path process() const { return folder / "process.json"; }
  std::filesystem::path pidFile() const { return folder / "pid"; }
  std::filesystem::path monitorPidFile() const { return folder / "conmon.pid"; }
  std::filesystem::path exitFolder() const { return folder / "exit"; }
  std::filesystem::path runtimeLog() const { return folder / "runtime.log"; }
};

/// Of an exec: all borrowed for the call; a null input is /dev/null.
struct ExecStreams {
  const base::Fd* input = nullptr;
  const base::Fd* output = nullptr;    ///< stdout and stderr
  const base::Fd* terminal = nullptr;  ///< descriptor 3, when there is one: conmon itself takes no terminal
};

/// conmon starts `RUNTIME exec` with the process of files.process() in a running container. A process that
/// has ended already, or its monitor, is empty in the result. Throws as createContainer() does.
CreatedContainer execInContainer(const RuntimePrograms& programs, const std::string& id,
                                 const ContainerFiles& container, const ExecFiles& files,
                                 const ExecStreams& streams);

/// Makes the container's stdout and stderr pipes belong to its user (host ids): conmon's belong to host root,
/// and opening /dev/stdout would fail. Between create and start.
void giveOutputTo(const ProcessRef& init, std::uint32_t uid, std::uint32_t gid);
/// `init` as createContainer() gave it.
void startContainer(const RuntimePrograms& programs, const std::string& id, const ContainerFiles& files,
                    const ProcessRef& init);
/// Kills what is left and removes the runtime's state and cgroups; fine when it does not know the container.
void deleteContainer(const RuntimePrograms& programs, const std::string& id);

/// What conmon wrote down when the container ended; nullopt when it has not (yet). A death by signal is 128 +
/// signal, as in a shell.
std::optional<base::ExitStatus> recordedExit(const std::filesystem::path& exitFolder, const std::string& id);

}  // namespace sandbox
