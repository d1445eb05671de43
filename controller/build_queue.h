// Builds wait here: a bound on how many, one per app at a time, N in parallel.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <set>
#include <stop_token>
#include <thread>
#include <vector>

#include "controller/build_run.h"

namespace controller {

/// Thread-safe. `work` runs on a worker thread and must call run.finish(). A newer waiting build of an app
/// replaces its older waiting one (which ends as cancelled through `onReplaced`). The destructor cancels what
/// runs and waits for it.
class BuildQueue {
 public:
  using Work = std::function<void(const std::shared_ptr<BuildRun>&)>;
  struct Config {
    unsigned workers = 2;          ///< setting max_parallel_builds
    std::size_t maxWaiting = 100;  ///< setting build_queue_max
  };
  BuildQueue(Config config, Work work, Work onReplaced);
  ~BuildQueue();
  BuildQueue(const BuildQueue&) = delete;
  BuildQueue& operator=(const BuildQueue&) = delete;

  /// Throws overloaded when too many wait.
  void add(const std::shared_ptr<BuildRun>& run);
  /// The app's build with this commit and ref that waits or runs, if any.
  std::shared_ptr<BuildRun> find(store::AppId app, const std::string& commit, const std::string& ref);
  /// The app's running build, if any.
  std::shared_ptr<BuildRun> findRunning(store::AppId app);
  /// Any build that waits or runs, by its row id.
  std::shared_ptr<BuildRun> findBuild(std::int64_t id);
  /// How many builds are before it (0: it runs or has ended).
  std::size_t ahead(const BuildRun& run);
  /// Takes a waiting build out; false when it runs already or is not here.
  bool takeOut(const BuildRun& run);
  /// Cancels all and waits for the workers; nothing is accepted afterwards.
  void stop(const std::string& why);

 private:
  void workerLoop(std::stop_token stop);
  std::shared_ptr<BuildRun> takeNext();

  const Config config_;
  const Work work_;
  const Work onReplaced_;
  std::mutex mutex_;
  std::condition_variable_any changed_;
  std::deque<std::shared_ptr<BuildRun>> waiting_;
  std::vector<std::shared_ptr<BuildRun>> running_;
  bool stopped_ = false;
  std::vector<std::jthread> workers_;
};

}  // namespace controller
