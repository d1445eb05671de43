// A few threads that do jobs while others make them.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <deque>
#include <exception>
#include <functional>
#include <future>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

namespace base {

/// Does jobs on `threads` threads, the caller's among them: it helps when the others do not keep up, so that
/// at most `maxWaiting` jobs wait. The first failure ends it: what waits then is dropped. `work` is called on
/// all of the threads at the same time; the other members are for the caller's alone, but for end() and
/// ended(), which `work` may call.
template <typename Job>
class Crew {
 public:
  Crew(unsigned threads, std::size_t maxWaiting, std::function<void(Job&)> work)
      : maxWaiting_(maxWaiting), work_(std::move(work)) {
    for (unsigned i = 1; i < threads; ++i)
      threads_.push_back(std::async(std::launch::async, [this] { serve(); }));
  }
  ~Crew() {
    end();
    close();
  }
  Crew(const Crew&) = delete;
  Crew& operator=(const Crew&) = delete;

  void add(Job job) {
    std::unique_lock lock(mutex_);
    waiting_.push_back(std::move(job));
    changed_.notify_one();
    while (waiting_.size() > maxWaiting_)
      doOne(lock);
  }
  /// Returns when all are done or dropped, and no thread is left; throws what the first that failed threw.
  void finish() {
    {
      std::unique_lock lock(mutex_);
      while (!waiting_.empty())
        doOne(lock);
    }
    close();
    if (failure_) std::rethrow_exception(failure_);
  }
  /// What waits is dropped. Who works on a job looks at ended() now and then.
  void end() noexcept { ended_ = true; }
  bool ended() const noexcept { return ended_; }

 private:
  void serve() {
    std::unique_lock lock(mutex_);
    for (;;) {
      changed_.wait(lock, [this] { return closed_ || !waiting_.empty(); });
      if (waiting_.empty()) return;
      doOne(lock);
    }
  }

  void doOne(std::unique_lock<std::mutex>& lock) {
    Job job = std::move(waiting_.front());
    waiting_.pop_front();
    lock.unlock();
    std::exception_ptr failure;
    try {
      if (!ended_) work_(job);
    } catch (...) {  // passed on by finish()
      failure = std::current_exception();
      end();
    }
    lock.lock();
    if (failure && !failure_) failure_ = failure;
  }

  void close() {
    {
      const std::lock_guard lock(mutex_);
      closed_ = true;
    }
    changed_.notify_all();
    threads_.clear();  // waits for them
  }

  const std::size_t maxWaiting_;
  const std::function<void(Job&)> work_;
  std::atomic<bool> ended_{false};
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Job> waiting_;  // these three guarded by mutex_
  std::exception_ptr failure_;
  bool closed_ = false;
  std::vector<std::future<void>> threads_;
};

}  // namespace base
