// An Engine that runs nothing: it records deployments and answers what the test wrote.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "runner/engine.h"

namespace testing_support {

/// Thread-safe. deploy() answers with the next queued result, else Launched; processes() shows what the last
/// good deployment asked for.
class FakeEngine : public runner::Engine {
 public:
  void failNext(runner::LaunchFailed failure) {
    const std::lock_guard lock(mutex_);
    failures_.push_back(std::move(failure));
  }
  /// Called in each deploy(), without a lock. Set before that.
  void onDeploy(std::function<void(const runner::Deployment&)> meanwhile) {
    meanwhile_ = std::move(meanwhile);
  }
  std::vector<runner::Deployment> deployments() const {
    const std::lock_guard lock(mutex_);
    return deployments_;
  }
  std::vector<std::string> removed() const {
    const std::lock_guard lock(mutex_);
    return removed_;
  }

  runner::LaunchResult deploy(const runner::Deployment& deployment,
                              const std::function<void(std::string_view)>&, std::stop_token) override {
    if (meanwhile_) meanwhile_(deployment);
    const std::lock_guard lock(mutex_);
    deployments_.push_back(deployment);
    if (failures_.empty()) return runner::Launched{};
    runner::LaunchFailed failure = failures_.front();
    failures_.pop_front();
    return failure;
  }
  runner::LaunchResult restart(const store::AppName&, const std::string&) override {
    return runner::Launched{};
  }
  void stop(const store::AppName&, const std::string& processOrType) override {
    const std::lock_guard lock(mutex_);
    stopped_.push_back(processOrType);
  }
  std::vector<std::string> stopped() const {
    const std::lock_guard lock(mutex_);
    return stopped_;
  }
  void remove(const store::AppName& app) override {
    const std::lock_guard lock(mutex_);
    removed_.push_back(app.str());
  }
  std::vector<store::AppName> apps() override {
    const std::lock_guard lock(mutex_);
    std::vector<store::AppName> names;
    for (const runner::Deployment& each : deployments_)
      names.push_back(each.app);
    return names;
  }
  void route(const store::AppName& app, const runner::AppRoutes& routes) override {
    const std::lock_guard lock(mutex_);
    routes_[app.str()] = routes;
  }
  runner::AppRoutes routesOf(const std::string& app) const {
    const std::lock_guard lock(mutex_);
    const auto found = routes_.find(app);
    return found == routes_.end() ? runner::AppRoutes{} : found->second;
  }
  std::vector<runner::ProcessStatus> processes(const store::AppName& app) override {
    const std::lock_guard lock(mutex_);
    std::vector<runner::ProcessStatus> all;
    if (deployments_.empty() || deployments_.back().app != app) return all;
    for (const auto& [type, count] : deployments_.back().formation) {
      for (int i = 1; i <= count; ++i) {
        runner::ProcessStatus status;
        status.name = type + "." + std::to_string(i);
        status.type = type;
        status.release = deployments_.back().release;
        status.state = runner::ProcessState::up;
        status.container = status.name + ".container";
        all.push_back(status);
      }
    }
    return all;
  }
  void stopAll() override {}

 private:
  std::function<void(const runner::Deployment&)> meanwhile_;
  mutable std::mutex mutex_;
  std::vector<runner::Deployment> deployments_;
  std::deque<runner::LaunchFailed> failures_;
  std::vector<std::string> removed_;
  std::vector<std::string> stopped_;
  std::map<std::string, runner::AppRoutes> routes_;
};

}  // namespace testing_support
