#include "sandbox/supervisor.h"

#include <pthread.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <iostream>
#include <map>
#include <optional>

#include "base/clock.h"
#include "base/error.h"
#include "base/fd.h"
#include "base/heap.h"
#include "base/log.h"
#include "sandbox/detail/host_files.h"
#include "sandbox/detail/path_policy.h"
#include "sandbox/detail/supervisor_channel.h"
#include "sandbox/detail/supervisor_messages.h"
#include "sandbox/detail/supervisor_rights.h"
#include "sandbox/detail/supervisor_server.h"

namespace sandbox {
namespace {

constexpr int kChannel = 3;

int socketOption(const base::Fd& socket, int option) {
  int value = 0;
  socklen_t size = sizeof value;
  return ::getsockopt(socket.get(), SOL_SOCKET, option, &value, &size) == 0 ? value : -1;
}

bool isConnection(const base::Fd& fd) {
  return fd.valid() && socketOption(fd, SO_DOMAIN) == AF_UNIX && socketOption(fd, SO_TYPE) == SOCK_STREAM;
}

/// A terminal's Ctrl-C and a service manager's SIGTERM mean the daemon, which still needs its supervisor.
void ignoreSignals() {
  for (const int each : {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGPIPE})
    ::signal(each, SIG_IGN);
}

void serve(const base::Fd& channel, const ServedParts& parts, std::uint64_t maxCalls) {
  const base::Log log("sandbox");
  bool hasWarned = false;
  SupervisorServer server(parts, maxCalls);
  while (auto message = receiveFromChannel(channel)) {
    if (message->bytes == kEnd && !message->connection.valid()) return;
    if (message->bytes == kConnect && isConnection(message->connection)) {
      server.accept(std::move(message->connection));
    } else if (!std::exchange(hasWarned, true)) {
      log.warn("something came by the supervisor's socket that is no connection");
    }
  }
  // The daemon has been killed. What is under way is left as it is, like all that a kill leaves: the next
  // daemon's supervisor finds it, and the two must not meet.
  log.info("the daemon has gone: its supervisor ends");
  ::_exit(0);
}

/// What settings name, and then what else there is.
HostProgramTable tableOf(const SupervisorSettings& settings, const HostProgramTable& others) {
  return [named = std::map<std::string, HostProgram>(settings.programs.begin(), settings.programs.end()),
          others](const std::string& name) {
    const auto found = named.find(name);
    return found != named.end() ? found->second : others(name);
  };
}

int supervise(const base::Fd& channel, const HostProgramTable& others,
              const std::vector<std::string>& unpacker) {
  const auto first = receiveFromChannel(channel);
  if (!first) return 1;
  const base::SystemClock clock;
  std::unique_ptr<LocalRuntime> runtime;
  std::optional<PathPolicy> policy;
  std::optional<HostFiles> files;
  std::unique_ptr<HostPrograms> programs;
  std::uint64_t maxCalls = 0;
  try {
    giveUpRights();
    const SupervisorSettings settings = decodeSettings(first->bytes);
    base::configureLogging(settings.logLevel);
    maxCalls = settings.maxCalls;
    policy.emplace(settings);
    files.emplace(HostFiles::Config{.userNamespaceBase = settings.runtime.userNamespaceBase,
                                    .daemonUser = settings.daemonUser,
                                    .daemonGroup = settings.daemonGroup,
                                    .unpacker = unpacker});
    programs = makeHostPrograms(tableOf(settings, others));
    runtime = makeOciRuntime(settings.runtime, clock);
  } catch (const std::exception& failure) {  // the daemon says it
    const auto* error = dynamic_cast<const base::Error*>(&failure);
    sendOnChannel(channel,
                  encodeAnswer(Failure{error != nullptr ? error->code() : base::Errc::io, failure.what()}));
    return 1;
  }
  sendOnChannel(channel, encodeAnswer(ReadyAnswer{runtime->describe(), runtime->hostId(0)}));
  serve(channel, {*runtime, *policy, *files, *programs}, maxCalls);
  return 0;
}

}  // namespace

int superviseContainers(const HostProgramTable& programs, const std::vector<std::string>& unpacker) {
  base::Fd channel(kChannel);
  if (socketOption(channel, SO_TYPE) != SOCK_SEQPACKET) {
    channel.release();
    std::cerr << "fairlead: the supervisor is started by fairlead serve, not by hand\n";
    return 2;
  }
  ::pthread_setname_np(::pthread_self(), "fairlead-sup");
  ignoreSignals();
  base::keepHeapSmall();
  return supervise(channel, programs, unpacker);
}

}  // namespace sandbox
