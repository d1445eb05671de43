// One change of an app at a time.
#pragma once

#include <condition_variable>
#include <map>
#include <mutex>

#include "store/model.h"

namespace controller {

/// A lease on an app's releases, repository refs and processes: held over a whole release (store, registry
/// rows, launch), so it is not a mutex but a turn that others wait for. Lives in memory only: it dies with
/// the process that took it. Thread-safe.
class AppLocks {
 public:
  class Lease {
   public:
    Lease(AppLocks& owner, store::AppId app) : owner_(owner), app_(app) { owner_.take(app_); }
    ~Lease() { owner_.give(app_); }
    Lease(const Lease&) = delete;
    Lease& operator=(const Lease&) = delete;

   private:
    AppLocks& owner_;
    store::AppId app_;
  };
  /// Blocks until it is our turn.
  Lease lock(store::AppId app) { return Lease(*this, app); }

 private:
  void take(store::AppId app) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return !held_[app]; });
    held_[app] = true;
  }
  void give(store::AppId app) {
    {
      const std::lock_guard lock(mutex_);
      held_.erase(app);
    }
    changed_.notify_all();
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  std::map<store::AppId, bool> held_;
};

}  // namespace controller
