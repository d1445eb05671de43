#include "runner/detail/process_table.h"

#include <algorithm>
#include <utility>

#include "base/error.h"
#include "runner/detail/health_checks.h"

namespace runner::detail {

void ProcessTable::setApp(const store::AppName& app, std::shared_ptr<const Deployment> desired) {
  const std::lock_guard lock(mutex_);
  apps_[app] = std::move(desired);
}

void ProcessTable::eraseApp(const store::AppName& app) {
  const std::lock_guard lock(mutex_);
  routes_.erase(app);
  apps_.erase(app);
}

std::shared_ptr<const Deployment> ProcessTable::desired(const store::AppName& app) const {
  const std::lock_guard lock(mutex_);
  const auto found = apps_.find(app);
  return found == apps_.end() ? nullptr : found->second;
}

std::vector<store::AppName> ProcessTable::apps() const {
  const std::lock_guard lock(mutex_);
  std::vector<store::AppName> names;
  for (const auto& [app, desired] : apps_)
    names.push_back(app);
  return names;
}

std::uint64_t ProcessTable::add(Process process) {
  const std::lock_guard lock(mutex_);
  process.key = ++lastKey_;
  processes_.emplace(process.key, std::move(process));
  return lastKey_;
}

std::optional<Process> ProcessTable::find(std::uint64_t key) const {
  const std::lock_guard lock(mutex_);
  const auto found = processes_.find(key);
  return found == processes_.end() ? std::nullopt : std::optional(found->second);
}

std::vector<Process> ProcessTable::all() const {
  const std::lock_guard lock(mutex_);
  std::vector<Process> list;
  for (const auto& [key, process] : processes_)
    list.push_back(process);
  return list;
}

std::vector<Process> ProcessTable::of(const store::AppName& app) const {
  std::vector<Process> list = all();
  std::erase_if(list, [&](const Process& process) { return process.app != app; });
  return list;
}

std::optional<Process> ProcessTable::update(std::uint64_t key, const Change& change) {
  const std::lock_guard lock(mutex_);
  const auto found = processes_.find(key);
  if (found == processes_.end()) return std::nullopt;
  change(found->second);
  return found->second;
}

void ProcessTable::update(const std::vector<std::uint64_t>& keys, const Change& change) {
  const std::lock_guard lock(mutex_);
  for (const std::uint64_t key : keys) {
    const auto found = processes_.find(key);
    if (found != processes_.end()) change(found->second);
  }
}

void ProcessTable::erase(std::uint64_t key) {
  const std::lock_guard lock(mutex_);
  processes_.erase(key);
  gone_.notify_all();
}

bool ProcessTable::waitUntilGone(const std::optional<store::AppName>& app,
                                 std::chrono::milliseconds timeout) const {
  std::unique_lock lock(mutex_);
  return gone_.wait_for(lock, timeout, [&] {
    return std::none_of(processes_.begin(), processes_.end(),
                        [&](const auto& item) { return !app || item.second.app == *app; });
  });
}

void ProcessTable::setRoutes(const store::AppName& app, const AppRoutes& routes) {
  const std::lock_guard lock(mutex_);
  if (routes == AppRoutes{})
    routes_.erase(app);
  else
    routes_.insert_or_assign(app, routes);
}

std::vector<sandbox::NetworkGroup> ProcessTable::networkGroups() const {
  const std::lock_guard lock(mutex_);
  std::map<store::AppName, sandbox::NetworkGroup> groups;
  for (const auto& [key, process] : processes_) {
    if (process.container.empty() || process.phase == Phase::crashed) continue;
    sandbox::NetworkPeer peer{.id = process.container, .names = {}};
    if (process.phase == Phase::up && process.serving) {
      const std::string end = "." + process.app.str() + ".internal";
      peer.names = {process.name(), process.type, process.name() + end, process.type + end};
    }
    groups[process.app].peers.push_back(std::move(peer));
  }
  std::vector<sandbox::NetworkGroup> list;
  for (auto& [app, group] : groups)
    list.push_back({.name = app.str(), .peers = std::move(group.peers)});
  return list;
}

std::vector<Route> ProcessTable::routes(const std::string& domain) const {
  const std::lock_guard lock(mutex_);
  std::vector<Route> routes;
  std::set<store::AppName> first;  // their first processes are being started: there is something to wait for
  for (const auto& [key, process] : processes_) {
    if (process.isWeb() && process.phase == Phase::launching && !apps_.contains(process.app))
      first.insert(process.app);
  }
  for (const store::AppName& app : first) {
    routes.push_back({.hosts = {app.str() + "." + domain}, .backends = {}, .state = Route::State::starting});
    addOwnHosts(app, routes.back());
  }
  for (const auto& [app, desired] : apps_) {
    Route route{.hosts = {app.str() + "." + domain}, .backends = {}};
    std::vector<std::string> unready;
    for (const auto& [key, process] : processes_) {
      const bool takes =
          process.app == app && process.isWeb() && process.serving && process.phase == Phase::up;
      if (takes) (healthOf(process).notReady.empty() ? route.backends : unready).push_back(process.address);
    }
    // None ready: what the app answers itself tells more than a page of ours.
    if (route.backends.empty()) route.backends = std::move(unready);
    if (route.backends.empty()) route.state = stateWithoutBackends(app, desired != nullptr);
    std::sort(route.backends.begin(),
              route.backends.end());  // the same processes give the same route, whoever asks
    routes.push_back(std::move(route));
    addOwnHosts(app, routes.back());
  }
  for (const auto& [app, own] : routes_) {
    if (!own.maintenance || apps_.contains(app) || first.contains(app)) continue;
    routes.push_back({.hosts = {app.str() + "." + domain}, .backends = {}});
    addOwnHosts(app, routes.back());
  }
  return routes;
}

/// With the lock held. `known`: what it was asked to run; else the app comes up after a start of the daemon.
Route::State ProcessTable::stateWithoutBackends(const store::AppName& app, bool known) const {
  Route::State state = known ? Route::State::serving : Route::State::starting;
  for (const auto& [key, process] : processes_) {
    if (process.app != app || !process.isWeb()) continue;
    if (process.phase == Phase::launching || process.phase == Phase::starting) return Route::State::starting;
    if (process.phase == Phase::crashed) state = Route::State::crashed;
  }
  return state;
}

/// With the lock held.
void ProcessTable::addOwnHosts(const store::AppName& app, Route& route) const {
  const auto own = routes_.find(app);
  if (own == routes_.end()) return;
  route.hosts.insert(route.hosts.end(), own->second.hosts.begin(), own->second.hosts.end());
  if (own->second.maintenance) route.state = Route::State::maintenance;
}

ChangeLocks::Hold::~Hold() {
  if (locks_ == nullptr) return;
  const std::lock_guard lock(locks_->mutex_);
  locks_->busy_.erase(app_);
  locks_->released_.notify_all();
}

ChangeLocks::Hold ChangeLocks::acquire(const store::AppName& app, const std::stop_token& stop) {
  std::unique_lock lock(mutex_);
  const bool ready = released_.wait(lock, stop, [&] { return closed_ || !busy_.contains(app); });
  if (!ready)
    throw base::Error(base::Errc::cancelled, "cancelled while waiting for another change of " + app.str());
  if (closed_) throw base::Error(base::Errc::unavailable, "the server is shutting down");
  busy_.insert(app);
  return Hold(*this, app);
}

std::optional<ChangeLocks::Hold> ChangeLocks::tryAcquire(const store::AppName& app) {
  const std::lock_guard lock(mutex_);
  if (closed_ || !busy_.insert(app).second) return std::nullopt;
  return std::optional<Hold>(std::in_place, *this, app);
}

void ChangeLocks::close() {
  std::unique_lock lock(mutex_);
  closed_ = true;
  released_.notify_all();
  released_.wait(lock, [&] { return busy_.empty(); });
}

}  // namespace runner::detail
