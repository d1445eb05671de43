#include "controller/build_queue.h"

#include <pthread.h>

#include <algorithm>

#include "base/error.h"

namespace controller {

BuildQueue::BuildQueue(Config config, Work work, Work onReplaced)
    : config_(config), work_(std::move(work)), onReplaced_(std::move(onReplaced)) {
  for (unsigned i = 0; i < config_.workers; ++i) {
    workers_.emplace_back([this](std::stop_token stop) {
      pthread_setname_np(pthread_self(), "build");
      workerLoop(stop);
    });
  }
}

BuildQueue::~BuildQueue() {
  stop("the server is shutting down");
}

void BuildQueue::add(const std::shared_ptr<BuildRun>& run) {
  std::shared_ptr<BuildRun> replaced;
  {
    const std::lock_guard lock(mutex_);
    if (stopped_)
      throw base::Error(base::Errc::unavailable, "the server is shutting down: push again in a moment");
    const auto older = std::find_if(waiting_.begin(), waiting_.end(),
                                    [&](const auto& other) { return other->app().id == run->app().id; });
    if (older != waiting_.end()) {
      replaced = *older;
      *older = run;
    } else if (waiting_.size() >= config_.maxWaiting) {
      throw base::Error(
          base::Errc::overloaded,
          std::to_string(waiting_.size()) +
              " builds are waiting already: push again later, or raise the setting build_queue_max");
    } else {
      waiting_.push_back(run);
    }
  }
  changed_.notify_all();
  if (replaced) {
    replaced->cancel("a newer push took its place in the queue");
    onReplaced_(replaced);
  }
}

std::shared_ptr<BuildRun> BuildQueue::find(store::AppId app, const std::string& commit,
                                           const std::string& ref) {
  const std::lock_guard lock(mutex_);
  const auto same = [&](const std::shared_ptr<BuildRun>& run) {
    return run->app().id == app && run->build().commit == commit && run->build().ref == ref &&
           !run->stopToken().stop_requested();
  };
  for (const auto& run : running_)
    if (same(run)) return run;
  for (const auto& run : waiting_)
    if (same(run)) return run;
  return nullptr;
}

std::shared_ptr<BuildRun> BuildQueue::findRunning(store::AppId app) {
  const std::lock_guard lock(mutex_);
  for (const auto& run : running_)
    if (run->app().id == app) return run;
  return nullptr;
}

std::shared_ptr<BuildRun> BuildQueue::findBuild(std::int64_t id) {
  const std::lock_guard lock(mutex_);
  for (const auto& run : running_)
    if (run->build().id == id) return run;
  for (const auto& run : waiting_)
    if (run->build().id == id) return run;
  return nullptr;
}

std::size_t BuildQueue::ahead(const BuildRun& run) {
  const std::lock_guard lock(mutex_);
  const auto place =
      std::find_if(waiting_.begin(), waiting_.end(), [&](const auto& other) { return other.get() == &run; });
  if (place == waiting_.end()) return 0;
  return static_cast<std::size_t>(place - waiting_.begin()) + running_.size();
}

bool BuildQueue::takeOut(const BuildRun& run) {
  const std::lock_guard lock(mutex_);
  return std::erase_if(waiting_, [&](const auto& other) { return other.get() == &run; }) != 0;
}

void BuildQueue::stop(const std::string& why) {
  std::vector<std::shared_ptr<BuildRun>> waiting;
  {
    const std::lock_guard lock(mutex_);
    stopped_ = true;
    waiting.assign(waiting_.begin(), waiting_.end());
    waiting_.clear();
    for (const auto& run : running_)
      run->cancel(why);
  }
  for (const auto& run : waiting) {
    run->cancel(why);
    onReplaced_(run);
  }
  for (std::jthread& worker : workers_)
    worker.request_stop();
  workers_.clear();
}

std::shared_ptr<BuildRun> BuildQueue::takeNext() {
  const auto busy = [&](const std::shared_ptr<BuildRun>& run) {
    return std::any_of(running_.begin(), running_.end(),
                       [&](const auto& other) { return other->app().id == run->app().id; });
  };
  const auto next = std::find_if_not(waiting_.begin(), waiting_.end(), busy);
  if (next == waiting_.end()) return nullptr;
  std::shared_ptr<BuildRun> run = *next;
  waiting_.erase(next);
  running_.push_back(run);
  return run;
}

void BuildQueue::workerLoop(std::stop_token stop) {
  while (true) {
    std::shared_ptr<BuildRun> run;
    {
      std::unique_lock lock(mutex_);
      const bool found = changed_.wait(lock, stop, [&] { return (run = takeNext()) != nullptr; });
      if (!found) return;
    }
    work_(run);
    {
      const std::lock_guard lock(mutex_);
      std::erase(running_, run);
    }
    changed_.notify_all();
  }
}

}  // namespace controller
