// One command beside a running container's own processes.
#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "base/byte_sink.h"
#include "sandbox/container.h"
#include "sandbox/detail/container_files.h"
#include "sandbox/detail/monitor.h"

namespace sandbox {

/// What an exec needs to know of its container.
struct ExecTarget {
  std::string id;
  ContainerFiles files;
  ProcessRef init;
  std::uint32_t hostUid = 0;  ///< of the container's user, on the host
  std::uint32_t hostGid = 0;
  std::function<std::vector<pid_t>()> processes;  ///< all in the container
};

/// Runs it to its end; see ContainerRuntime::exec(). `folder` is made for its files and removed; its name is
/// what endExec() finds the processes by.
RunResult execToEnd(const RuntimePrograms& programs, const ExecTarget& target,
                    const std::filesystem::path& folder, const ExecSpec& spec, base::ByteSink& output,
                    const RunOptions& options);

/// The name of a new exec in a container, and the container of such a name.
std::string newExecName(const std::string& container);
std::string containerOfExec(const std::string& name);

/// Sends a signal to the processes that an exec has started and that have its environment still. Returns how
/// many there were.
std::size_t signalExec(const std::string& name, const std::vector<pid_t>& processes, int signalNumber);

/// The process object (OCI runtime-spec 1.0.2, config.md) of an exec, made from the container's config.json.
std::string execProcess(const std::string& config, const ExecSpec& spec, const std::string& name);

}  // namespace sandbox
