// What the SSH server counts.
#pragma once

#include <variant>

#include "base/metrics.h"
#include "gitd/detail/ssh_command.h"

namespace gitd::detail {

/// Sessions by what they ask for, whichever way they came. Thread-safe.
struct SessionMetrics {
  explicit SessionMetrics(base::Metrics& all)
      : receivePacks(session(all, "receive-pack")),
        uploadPacks(session(all, "upload-pack")),
        commands(session(all, "command")) {}

  /// A session has asked for this.
  void countSession(const SshCommand& command) const {
    const auto* git = std::get_if<GitCommand>(&command);
    base::Counter& counter = git == nullptr                            ? commands
                             : git->service == GitService::receivePack ? receivePacks
                                                                       : uploadPacks;
    counter.add();
  }

  base::Counter& receivePacks;
  base::Counter& uploadPacks;
  base::Counter& commands;

 private:
  static base::Counter& session(base::Metrics& all, const char* service) {
    return all.counter(
        {"fairlead_ssh_sessions_total", "Sessions by what they ask for.", {{"service", service}}});
  }
};

/// Thread-safe.
struct SshMetrics {
  explicit SshMetrics(base::Metrics& all)
      : connections(all.counter({"fairlead_ssh_connections_total", "Connections accepted.", {}})),
        refused(all.counter({"fairlead_ssh_refused_total", "Connections sent away for a limit.", {}})),
        waiting(all.gauge({"fairlead_ssh_waiting", "Connections that wait to be let in.", {}})),
        open(all.gauge({"fairlead_ssh_open_connections", "Connections that are served.", {}})),
        handshake(
            all.histogram({"fairlead_ssh_handshake_seconds", "From being let in to being logged in.", {}})),
        logins(login(all, "accepted")),
        unknownKeys(login(all, "unknown_key")),
        noLogins(login(all, "gone")),
        bytesIn(all.counter({"fairlead_ssh_bytes_total", "Bytes on the wire.", {{"direction", "in"}}})),
        bytesOut(all.counter({"fairlead_ssh_bytes_total", "Bytes on the wire.", {{"direction", "out"}}})),
        sessions(all) {}

  base::Counter& connections;
  base::Counter& refused;
  base::Gauge& waiting;
  base::Gauge& open;
  base::Histogram& handshake;
  base::Counter& logins;
  base::Counter& unknownKeys;  ///< keys offered that nobody has
  base::Counter& noLogins;     ///< connections that ended without a login
  base::Counter& bytesIn;
  base::Counter& bytesOut;
  SessionMetrics sessions;

 private:
  static base::Counter& login(base::Metrics& all, const char* result) {
    return all.counter({"fairlead_ssh_logins_total", "Logins and what came of them.", {{"result", result}}});
  }
};

}  // namespace gitd::detail
