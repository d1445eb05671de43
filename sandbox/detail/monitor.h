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
std::optional<base::ExitStatus> recordedExit(const ContainerFiles& files, const std::string& id);

}  // namespace sandbox
