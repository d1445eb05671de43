// Containers that are no more than a listening socket each, at an address of its own.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include "base/fd.h"
#include "tests/support/scripted_runtime.h"

namespace test {

/// What the process in a container does.
struct Behaviour {
  bool opensPort = true;
  int exitCode = -1;        ///< 0 or more: ends with it at once
  std::string output;       ///< one line of log
  std::string answer = {};  ///< not empty: what a connection gets, after its first bytes
};

/// ScriptedRuntime whose web processes accept connections on 127.77.x.y:port() while they run. Thread-safe.
class ListeningRuntime : public ScriptedRuntime {
 public:
  ListeningRuntime();
  ~ListeningRuntime() override;
  /// A port that is free on loopback.
  std::uint16_t port() const { return port_; }
  /// For processes of `type` from now on.
  void behave(const std::string& type, Behaviour behaviour);
  /// "start web.1 v2", "signal web.1 v2 15", "remove ...", and what tests add, in order.
  std::vector<std::string> events() const;
  void addEvent(std::string event);
  /// Ends the running container of that process ("web.1").
  void crash(const std::string& process, int code);
  /// Ids of the running containers.
  std::set<std::string> running();
  std::string idOf(const std::string& process);

  sandbox::RunningContainer start(const sandbox::ContainerSpec& spec,
                                  const std::filesystem::path& logFile) override;
  void signal(const std::string& id, int signalNumber) override;
  void remove(const std::string& id) override;

 private:
  void closeUnlessRunning(const std::string& id);

  std::uint16_t port_;
  mutable std::mutex startMutex_;
  mutable std::mutex mutex_;
  int lastAddress_ = 0;
  std::map<std::string, Behaviour> behaviours_;
  /// What listens for a container, and answers.
  struct Listener {
    base::Fd fd;
    std::jthread answering;
  };
  void answer(const std::string& type, int listener, const std::stop_token& stop);
  std::map<std::string, Listener> listeners_;  // by container
  std::vector<std::string> events_;
  std::vector<Listener> closed_;  // their threads end with us
};

}  // namespace test
