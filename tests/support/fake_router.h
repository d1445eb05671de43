// A Router that routes nothing and remembers what it was told. (Header only: test_support does not link
// runner.)
#pragma once

#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/error.h"
#include "runner/router.h"

namespace test {

/// Thread-safe. Repeated equal calls are remembered once.
class FakeRouter : public runner::Router {
 public:
  void apply(const std::vector<runner::Route>& routes) override {
    std::function<void()> hook;
    {
      const std::lock_guard lock(mutex_);
      if (routes == current_) return;
      if (failure_) throw base::Error(*std::exchange(failure_, std::nullopt));
      current_ = routes;
      history_.push_back(routes);
      hook = hook_;
    }
    if (hook) hook();
  }
  std::string address() const override { return "127.0.0.1:8080"; }
  void stop() override {
    const std::lock_guard lock(mutex_);
    stopped_ = true;
  }

  /// The next apply() that changes anything throws this.
  void failNext(base::Error error) {
    const std::lock_guard lock(mutex_);
    failure_ = std::move(error);
  }
  /// Called after each change, without a lock.
  void onChange(std::function<void()> hook) {
    const std::lock_guard lock(mutex_);
    hook_ = std::move(hook);
  }
  std::vector<runner::Route> routes() const {
    const std::lock_guard lock(mutex_);
    return current_;
  }
  std::vector<std::vector<runner::Route>> history() const {
    const std::lock_guard lock(mutex_);
    return history_;
  }
  /// Of the route with that host; empty when there is none.
  std::vector<std::string> backends(const std::string& host) const {
    for (const runner::Route& route : routes()) {
      for (const std::string& name : route.hosts) {
        if (name == host) return route.backends;
      }
    }
    return {};
  }
  bool stopped() const {
    const std::lock_guard lock(mutex_);
    return stopped_;
  }

 private:
  mutable std::mutex mutex_;
  std::optional<base::Error> failure_;
  std::function<void()> hook_;
  std::vector<runner::Route> current_;
  std::vector<std::vector<runner::Route>> history_;
  bool stopped_ = false;
};

}  // namespace test
