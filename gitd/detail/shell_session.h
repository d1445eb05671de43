// One session that comes by `fairlead ssh-shell`.
#pragma once

#include <atomic>
#include <optional>
#include <string>
#include <thread>

#include "base/fd.h"
#include "gitd/detail/channel_io.h"
#include "gitd/detail/serve_command.h"
#include "gitd/detail/shell_protocol.h"
#include "gitd/detail/ssh_metrics.h"

namespace gitd::detail {

/// What all sessions have in common; everything outlives them.
struct ShellShared {
  const SshServerConfig& limits;
  PushHandler& handler;
  const SessionMetrics& metrics;
};

/// run() on a thread of its own, the rest is thread-safe.
class ShellSession {
 public:
  /// `socket` is connected, non-blocking, and its peer was checked.
  ShellSession(base::Fd socket, const ShellShared& shared);
  /// To the end of the session.
  void run();
  /// Tells the client why and ends it.
  void requestAbort();

 private:
  using Clock = ChannelIo::Clock;
  std::optional<ShellCall> readCall();
  void answer(const ShellCall& call);
  void serve(const ShellCall& call, Identity identity);
  void loop();
  void readInput();
  void queueOutput(Clock::time_point now);
  bool flush();
  int pollTimeout(Clock::time_point now) const;

  base::Fd socket_;
  const SshServerConfig& limits_;
  PushHandler& handler_;
  const SessionMetrics& metrics_;
  base::Fd wake_;
  ChannelIo io_;
  std::string received_;  // behind the call: the first of the input
  std::string unsent_;
  bool inputEnded_ = false;
  bool exitSent_ = false;
  std::atomic<bool> abortRequested_{false};
  std::optional<ServiceContext> context_;
  ExecRequest request_;
  std::jthread worker_;  // last: joined before what it uses goes
};

}  // namespace gitd::detail
