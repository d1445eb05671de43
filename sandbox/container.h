// Isolated processes: a ContainerSpec goes in, a process in namespaces of its own comes out. The only door to
// container rights: plain values and file descriptors pass through these interfaces, so that a process border
// can be drawn here later (DESIGN 1.14).
#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include "base/byte_sink.h"
#include "base/child_process.h"
#include "base/clock.h"
#include "base/fd.h"

namespace sandbox {

struct Mount {
  std::filesystem::path source;  ///< on the host: file or folder
  std::string target;            ///< absolute, in the container; made if missing
  bool readOnly = true;
  /// Not empty: the folder `source` is only read, and what the container writes over it goes to the folder
  /// "upper" in here, which exists, as overlayfs keeps it; "work" beside it is overlayfs's own. Several
  /// containers may go on with the same, one after the other.
  std::filesystem::path changes = {};
};

struct Limits {
  std::uint64_t memoryBytes = 1ull << 30;
  double cpus = 0;           ///< 0 = no limit
  unsigned cpuWeight = 100;  ///< 1..10000: its share where processors are short, beside the other containers
  std::int64_t pids = 1024;
  std::uint64_t tmpBytes = 512ull << 20;  ///< tmpfs on /tmp unless something is mounted there
  std::uint64_t fileBytes = 0;            ///< of one file, holes counted (RLIMIT_FSIZE); 0 = no limit
};

/// A host that a filtered container may reach: "mirror.example.org", "*.example.org" (what lies below it) or
/// an IPv4 address; the port over TCP only.
struct AllowedHost {
  std::string name;
  std::uint16_t port = 0;  ///< 0: 80 and 443
  bool operator==(const AllowedHost&) const = default;
};

/// Reaches nothing but these hosts; refuses at once, by a resolver of its own and by packet rules. The rules
/// are by address: what shares one with an allowed host is reached too.
struct NetworkFilter {
  std::vector<AllowedHost> hosts;
};

/// What runs isolated, and in what. User namespace (container root is an unused host id), all capabilities
/// dropped, no_new_privs, seccomp profile, masked paths, own pid, ipc, uts, mount, network and cgroup
/// namespaces; pid 1 is an init that reaps zombies and passes signals on.
struct ContainerSpec {
  std::string id;  ///< [a-z0-9][a-z0-9_.-]{0,63}, unique in the data folder
  /// Unpacked layer folders (LayerStore), bottom first; above them comes a private writable layer.
  std::vector<std::filesystem::path> layers;
  std::vector<std::string> argv;
  std::vector<std::pair<std::string, std::string>> environment;  ///< all of it; nothing is inherited
  std::string workingDirectory = "/";
  std::uint32_t uid = 1000;  ///< in the container
  std::uint32_t gid = 1000;
  std::string hostname;
  std::vector<Mount> mounts;
  Limits limits;
  bool network = true;  ///< an interface on the bridge with a way out; false: loopback only
  /// Its NetworkGroup, from before its first instruction to its end, without a name there; empty: only those
  /// that name it.
  std::string networkGroup;
  /// With a network: all that it reaches. Without: names are refused and told (RunOptions::onRefusedHost).
  /// Only for run().
  std::optional<NetworkFilter> filter;
  bool readOnlyRoot = false;  ///< nothing but mounts can be written
};

/// How an attached run ended.
struct RunResult {
  enum class End { exited, timedOut, idle, cancelled };
  End end = End::exited;
  base::ExitStatus status;           ///< when exited; a death by signal is code 128 + signal, as in a shell
  bool outOfMemory = false;          ///< the memory limit killed something in it
  bool containerEnded = false;       ///< of exec(): it ended because the container did
  std::chrono::microseconds ran{0};  ///< its own time, without what making and removing the container took
};

struct RunOptions {
  std::chrono::seconds timeout = std::chrono::minutes(15);
  std::chrono::seconds idleTimeout{0};  ///< longest time without output; 0: any
  std::stop_token stop;                 ///< SIGTERM to all, after 10 s SIGKILL (`killGrace`)
  std::chrono::milliseconds killGrace = std::chrono::seconds(10);
  /// Told of each host that the spec's filter refuses, once; on the caller's thread. At most 100 of them.
  std::function<void(const std::string& host)> onRefusedHost;
};

/// A command beside the processes of a running container: in its namespaces, folders and limits, with its
/// environment, its user and no more rights than those.
struct ExecSpec {
  std::vector<std::string> argv;
  std::vector<std::pair<std::string, std::string>> environment;  ///< over the container's
  const base::Fd* input = nullptr;                               ///< its stdin; borrowed. Null: none
  const base::Fd* terminal = nullptr;  ///< the program's end of a pty, as descriptor 3; borrowed
};

struct RunningContainer {
  std::string id;
  std::string address;  ///< IPv4 on the bridge, or empty
  pid_t pid = 0;        ///< of pid 1, on the host
  base::Time startedAt;
};

/// Of a started container.
struct ContainerStatus {
  bool running = false;
  base::ExitStatus exit;  ///< when it has ended, as in RunResult; 137 when nobody saw it (a reboot)
  RunningContainer container;
  bool unattended = false;  ///< it runs, but what takes its output and would tell its exit code was killed
};

/// How many ids a container has; on the host these follow each other.
inline constexpr std::uint32_t kUserNamespaceSize = 65536;

/// A container, and the names by which the others of its group know it.
struct NetworkPeer {
  std::string id;
  std::vector<std::string> names;
  bool operator==(const NetworkPeer&) const = default;
};
/// Containers that reach each other: these, and those whose ContainerSpec::networkGroup is `name`.
struct NetworkGroup {
  std::string name;
  std::vector<NetworkPeer> peers;
  bool operator==(const NetworkGroup&) const = default;
};

/// What a container's processes take, and what its limits have refused them so far.
struct ContainerUsage {
  std::uint64_t memoryBytes = 0;     ///< without page cache that the kernel would give back at once
  std::chrono::microseconds cpu{0};  ///< time of all processors since its start
  std::int64_t pids = 0;             ///< processes and threads
  std::uint64_t oomKills = 0;        ///< processes that the memory limit has killed
  std::uint64_t pidsRefused = 0;     ///< processes and threads that the limit on them has refused
};

/// Thread-safe; every call blocks for the work it names. Throws Error(unavailable) with the runtime's last
/// words when a container cannot be made.
class ContainerRuntime {
 public:
  virtual ~ContainerRuntime() = default;

  /// Runs to the end, stdout and stderr merged into `output` as they come (called on the caller's thread).
  /// Its processes and mounts are gone at return, the rest (cgroups, its address) soon after.
  virtual RunResult run(const ContainerSpec& spec, base::ByteSink& output, const RunOptions& options) = 0;

  /// Starts a container that outlives this process (conmon holds its log and exit code). Its log is `logFile`
  /// (absolute) in CRI form: "RFC3339NANO stdout|stderr F|P text". P is a piece of a line (whatever was
  /// written at once without a newline); the rest follows, unless the process ended there. conmon appends;
  /// when it has written 64 MiB, it puts a new file in the place of this one. Of what nobody has read by
  /// then, that much is kept.
  virtual RunningContainer start(const ContainerSpec& spec, const std::filesystem::path& logFile) = 0;
  /// Runs a command in a started or running container to the command's end, with its output as run() has it.
  /// What it has started is ended with it, unless that has thrown its environment away. Throws notFound for a
  /// container that does not run.
  virtual RunResult exec(const std::string& id, const ExecSpec& spec, base::ByteSink& output,
                         const RunOptions& options) = 0;
  /// nullopt when there is no such container.
  virtual std::optional<ContainerStatus> status(const std::string& id) = 0;
  /// To every process in it; nothing happens when it has ended.
  virtual void signal(const std::string& id, int signalNumber) = 0;
  /// Takes the output of a started container no more, so that who writes there waits as soon as its pipe is
  /// full. signal(), remove() and its end undo it, a daemon that ends does not. Nothing happens for an
  /// unknown id, or where the runtime cannot do it.
  virtual void holdOutput(const std::string& id) { static_cast<void>(id); }
  virtual void resumeOutput(const std::string& id) { static_cast<void>(id); }
  /// Waits for the end of a started container, at most `timeout`; true when it has ended (or is unknown).
  virtual bool waitForExit(const std::string& id, std::chrono::milliseconds timeout) = 0;
  /// Kills what is left of it and removes network, mounts and folders. Unknown ids are fine.
  virtual void remove(const std::string& id) = 0;
  /// Ids of everything present in this data folder: started, ended, or left by a killed daemon.
  virtual std::vector<std::string> list() = 0;

  /// Containers of a group reach each other, at every port and by the names in /etc/hosts; all others do not.
  /// In place of what was said before, but for those that their specs have put there; unknown ids are left
  /// out. About 10 ms.
  virtual void setNetworkGroups(const std::vector<NetworkGroup>& groups) = 0;
  /// All 0 for an unknown id; what it has refused can still be read when its processes have ended.
  virtual ContainerUsage usage(const std::string& id) = 0;
  /// Bytes on the disk that it wrote over its layers, nameless files included; not its mounts. Walks them
  /// all: about 1 us each. 0 for an unknown id.
  virtual std::uint64_t writtenBytes(const std::string& id) = 0;
  /// Bytes on this device of files that a container's processes hold open and that have no name any more;
  /// walking its folders does not find them. 0 for an unknown id.
  virtual std::uint64_t unlinkedBytes(const std::string& id, dev_t device) = 0;

  /// Host uid/gid of a container's uid/gid: for folders that a container shall own.
  virtual std::uint32_t hostId(std::uint32_t containerId) const = 0;
  /// "runc 1.1.5, cgroup v1 (hybrid), user namespace 1879048192+65536"; for log and doctor.
  virtual std::string describe() const = 0;
};

}  // namespace sandbox
