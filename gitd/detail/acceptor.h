// The thread at the SSH port: takes connections, and has them wait in order when they must.
#pragma once

#include <functional>
#include <stop_token>
#include <string>
#include <unordered_map>

#include "base/fd.h"
#include "gitd/detail/door.h"
#include "gitd/detail/listener.h"
#include "gitd/detail/ssh_metrics.h"

namespace gitd::detail {

/// One thread at a time. Nobody is turned away for a limit before the door's maxWait has passed; what the
/// queue does not hold either waits in the kernel's.
class Acceptor {
 public:
  /// All outlive this. `changed` is signalled when a connection logs in or ends.
  Acceptor(Listener& listener, Door& door, const base::Fd& changed, SshMetrics& metrics);

  /// Until stopped: `admitted` takes each visitor that may log in, `changedSince` runs once a round before.
  /// Then those who still wait are told that the server ends.
  void run(const std::stop_token& stop, const std::function<void(Door::Visitor)>& admitted,
           const std::function<void()>& changedSince);

 private:
  using Clock = Door::Clock;
  struct Waiting {
    int socket;
    bool spoke = false;
  };
  void watch(const base::Fd& fd, std::uint64_t id, std::uint32_t events);
  void listen();
  void wait();
  void acceptSome();
  void hear(std::uint64_t id);
  void sendAway(Door::Visitor visitor, const std::string& sentence);

  Listener& listener_;
  Door& door_;
  const base::Fd& changed_;
  SshMetrics& metrics_;
  base::Fd events_;
  bool listening_ = true;
  std::uint64_t lastId_;
  std::unordered_map<std::uint64_t, Waiting> sockets_;  // of those who wait, by id; the door owns them
};

}  // namespace gitd::detail
