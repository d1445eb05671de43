// All processes of all apps, and who may change them.
#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <stop_token>
#include <utility>
#include <vector>

#include "runner/detail/process.h"
#include "runner/router.h"

namespace runner::detail {

/// Processes by key, apps by name. Every call copies in or out; nothing blocks under the lock. Thread-safe.
class ProcessTable {
 public:
  using Change = std::function<void(Process&)>;

  /// An app with a route; `desired` is what it was asked to run (nullptr: not known in this daemon yet).
  void setApp(const store::AppName& app, std::shared_ptr<const Deployment> desired);
  void eraseApp(const store::AppName& app);
  void setRoutes(const store::AppName& app, const AppRoutes& routes);
  std::shared_ptr<const Deployment> desired(const store::AppName& app) const;
  std::vector<store::AppName> apps() const;

  std::uint64_t add(Process process);
  std::optional<Process> find(std::uint64_t key) const;
  std::vector<Process> all() const;
  std::vector<Process> of(const store::AppName& app) const;
  /// Applies `change` (short, no calls out) and returns the result; nullopt when the process is gone.
  std::optional<Process> update(std::uint64_t key, const Change& change);
  /// The same to several, in one step.
  void update(const std::vector<std::uint64_t>& keys, const Change& change);
  void erase(std::uint64_t key);
  /// Waits until no process is left, of `app` or of all; false after `timeout`.
  bool waitUntilGone(const std::optional<store::AppName>& app, std::chrono::milliseconds timeout) const;

  /// The processes of each app that run. Those that serve are known by their names: "web.1", "web",
  /// "web.1.APP.internal", "web.APP.internal".
  std::vector<sandbox::NetworkGroup> networkGroups() const;
  /// One route per app, at APP.domain and its own hosts: its serving web processes that are up, or why there
  /// are none.
  std::vector<Route> routes(const std::string& domain) const;

 private:
  Route::State stateWithoutBackends(const store::AppName& app, bool known) const;
  void addOwnHosts(const store::AppName& app, Route& route) const;
  mutable std::mutex mutex_;
  mutable std::condition_variable gone_;
  std::uint64_t lastKey_ = 0;
  std::map<store::AppName, std::shared_ptr<const Deployment>>
      apps_;  // shared: a restart uses it while a deploy replaces it
  std::map<store::AppName, AppRoutes> routes_;
  std::map<std::uint64_t, Process> processes_;
};

/// One change per app at a time. Thread-safe.
class ChangeLocks {
 public:
  /// Ends the change when it goes. Movable.
  class Hold {
   public:
    Hold(ChangeLocks& locks, store::AppName app) : locks_(&locks), app_(std::move(app)) {}
    Hold(Hold&& other) noexcept : locks_(std::exchange(other.locks_, nullptr)), app_(std::move(other.app_)) {}
    Hold& operator=(Hold&&) = delete;
    ~Hold();

   private:
    ChangeLocks* locks_;
    store::AppName app_;
  };

  /// Waits for the change that is under way; throws cancelled when `stop` is requested first, unavailable
  /// after close().
  Hold acquire(const store::AppName& app, const std::stop_token& stop);
  std::optional<Hold> tryAcquire(const store::AppName& app);
  /// No change begins any more; returns when none is under way.
  void close();

 private:
  std::mutex mutex_;
  std::condition_variable_any released_;
  std::set<store::AppName> busy_;
  bool closed_ = false;
};

}  // namespace runner::detail
