// The supervisor's side of the connections: what comes is checked, judged and done.
#pragma once

#include <cstdint>
#include <list>
#include <mutex>
#include <thread>

#include "base/fd.h"
#include "sandbox/detail/frame_socket.h"
#include "sandbox/detail/host_files.h"
#include "sandbox/detail/path_policy.h"
#include "sandbox/detail/supervisor_messages.h"
#include "sandbox/host_programs.h"
#include "sandbox/oci_runtime.h"

namespace sandbox {

/// What does the work; outlives the server.
struct ServedParts {
  LocalRuntime& runtime;
  const PathPolicy& policy;
  HostFiles& files;
  HostPrograms& programs;
};

/// Serves any number of connections, each on a thread of its own (`call`) and one call after the other. Who
/// is at the other end is not trusted: a message that makes no sense is answered with invalidArgument, one
/// that is none ends its connection, and nothing ends the process. Thread-safe.
class SupervisorServer {
 public:
  SupervisorServer(const ServedParts& parts, std::uint64_t maxCalls) : parts_(parts), maxCalls_(maxCalls) {}
  /// Ends all connections; what is under way on them is cancelled.
  ~SupervisorServer();
  SupervisorServer(const SupervisorServer&) = delete;
  SupervisorServer& operator=(const SupervisorServer&) = delete;

  /// Takes a connection. Beyond maxCalls, or without a thread for it, it is told so and closed.
  void accept(base::Fd connection);

 private:
  struct Connection {
    explicit Connection(base::Fd fd) : socket(std::move(fd)) {}
    FrameSocket socket;
    bool ended = false;  // guarded by mutex_
    std::thread thread;
  };

  void serve(Connection& connection) noexcept;
  void joinEnded();

  const ServedParts parts_;
  const std::uint64_t maxCalls_;
  std::mutex mutex_;
  std::list<Connection> connections_;  // guarded by mutex_
};

}  // namespace sandbox
