// The process that makes containers: everything that needs a container's rights happens in it, and the daemon
// asks it over a socket pair. (docs/ARCHITECTURE.md, "Two processes".)
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "sandbox/container.h"
#include "sandbox/foreign_trees.h"
#include "sandbox/host_programs.h"
#include "sandbox/oci_runtime.h"

namespace sandbox {

/// What the operator has decided. It is the first thing that a supervisor is told, and nothing that it is
/// asked later changes it. Paths are absolute.
struct SupervisorSettings {
  OciRuntimeConfig runtime;
  std::filesystem::path dataFolder;
  // Below dataFolder, relative, "" for all of it: where layers, what is mounted, and logs have to lie. On the
  // way there from dataFolder no symlink is followed.
  std::vector<std::string> layerFolders;
  std::vector<std::string> mountFolders;
  std::vector<std::string> logFolders;
  std::vector<std::filesystem::path> operatorFolders;         ///< what is in them may be mounted too
  std::vector<std::filesystem::path> operatorFiles;           ///< may be mounted to be read
  std::vector<std::filesystem::path> readableFiles;           ///< may be opened by the daemon (HostPrograms)
  std::vector<std::pair<std::string, HostProgram>> programs;  ///< may be started, by these names
  // Who the daemon is: what it takes back becomes this user's.
  uid_t daemonUser = 0;
  gid_t daemonGroup = 0;
  std::uint64_t maxCalls = 512;   ///< under way at once; more are refused
  std::string logLevel = "info";  ///< as base::configureLogging() has it
};

/// A ContainerRuntime whose work is done by a supervisor. Thread-safe as any. When the supervisor has ended,
/// each call throws Error(unavailable). Destroyed when no call is under way; the supervisor ends with it,
/// containers do not.
class SupervisedRuntime : public ContainerRuntime {
 public:
  /// Of the supervisor.
  virtual pid_t pid() const = 0;
  // They live as long as this does.
  virtual ForeignTrees& trees() = 0;
  virtual HostPrograms& programs() = 0;
};

/// What is done while a supervisor is started.
struct SupervisorHooks {
  /// Once, on a thread of its own, when it ends without having been asked to.
  std::function<void()> onDeath = {};
  /// When it serves, before this makes a thread: gives up rights that only the supervisor needs.
  std::function<void()> beforeThreads = {};
};

/// Starts `command` (its words; the program's main has to call superviseContainers()) and waits until it can
/// make containers. Throws what makeOciRuntime() would, as the supervisor says it.
std::unique_ptr<SupervisedRuntime> startSupervisor(const std::vector<std::string>& command,
                                                   const SupervisorSettings& settings,
                                                   SupervisorHooks hooks = {});

/// The supervisor's main program, on the process's first thread: gives up what rights it does not need, and
/// serves what comes by descriptor 3 until that ends. `programs` has those that settings do not name; layers
/// are unpacked by `unpacker`, the words of a program whose main calls unpackLayerHere(). Returns the exit
/// status. Its log goes to stderr.
int superviseContainers(const HostProgramTable& programs, const std::vector<std::string>& unpacker);

/// The main program of what unpacks a layer, started by a supervisor. Returns the exit status.
int unpackLayerHere();

}  // namespace sandbox
