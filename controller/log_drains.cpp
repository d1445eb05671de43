#include "controller/log_drains.h"

#include <pthread.h>

#include <algorithm>
#include <condition_variable>
#include <deque>
#include <stop_token>
#include <thread>
#include <vector>

#include "base/error.h"
#include "base/log.h"

namespace controller {
namespace {

/// What the log says of drops, at most that often.
constexpr std::chrono::seconds kTellEvery{10};

}  // namespace

/// One drain: its queue and its two threads.
class LogDrains::Worker {
 public:
  /// Has every line that is written from here on.
  Worker(const LogDrainsConfig& config, runner::AppLog& log, store::AppName app,
         std::unique_ptr<DrainConnection> connection)
      : config_(config), log_(log), connection_(std::move(connection)), app_(std::move(app)) {
    openLog();
    sender_ = std::jthread([this](const std::stop_token& stop) {
      ::pthread_setname_np(::pthread_self(), "drain");
      send(stop);
    });
    startFollowing();
  }

  store::AppName app() const {
    const std::lock_guard lock(mutex_);
    return app_;
  }

  /// The app's files have been moved: goes on in them, with what waits and what was counted.
  void rename(const store::AppName& app) {
    follower_ = {};  // joined
    {
      const std::lock_guard lock(mutex_);
      app_ = app;
    }
    if (place_) place_->rename(app);
    startFollowing();
  }

  DrainStatus status() const {
    const std::lock_guard lock(mutex_);
    return statusNow();
  }

  bool await(const std::function<bool(const DrainStatus&)>& wanted, std::chrono::milliseconds atMost) const {
    std::unique_lock lock(mutex_);
    return counted_.wait_for(lock, atMost, [&] { return wanted(statusNow()); });
  }

 private:
  /// With mutex_ held.
  DrainStatus statusNow() const {
    DrainStatus status = status_;
    status.waiting = queue_.size();
    return status;
  }

  void startFollowing() {
    follower_ = std::jthread([this](const std::stop_token& stop) {
      ::pthread_setname_np(::pthread_self(), "drain-follow");
      while (!stop.stop_requested())
        follow(stop);
    });
  }

  /// False when the log cannot be read, which is tried again.
  bool openLog() noexcept {
    try {
      place_ = std::make_unique<runner::AppLog::Follower>(
          log_, app(), runner::LogQuery{.lines = 0, .process = "", .source = ""});
    } catch (const std::exception& failure) {
      base::Log("drain").error("log not read", {{"app", app().str()}, {"error", failure.what()}});
    }
    return place_ != nullptr;
  }

  void follow(const std::stop_token& stop) {
    try {
      if (place_ || openLog()) return place_->run([this](const runner::LogLine& line) { add(line); }, stop);
    } catch (const std::exception& failure) {  // the top of a thread: it goes on where it was
      base::Log("drain").error("log not read", {{"app", app().str()}, {"error", failure.what()}});
    }
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, stop, config_.retryFirst, [] { return false; });
  }

  /// Into the app's log, if that can be written: a full disk ends no thread.
  void tell(const std::string& text) noexcept {
    try {
      log_.append(app(), "drain", text);
    } catch (const std::exception& failure) {
      base::Log("drain").error("log not written", {{"app", app().str()}, {"error", failure.what()}});
    }
  }

  void add(const runner::LogLine& line) {
    {
      const std::lock_guard lock(mutex_);
      queue_.push_back(line);
      queuedBytes_ += line.text.size();
      while (queue_.size() > config_.queueMaxLines || queuedBytes_ > config_.queueMaxBytes) {
        queuedBytes_ -= queue_.front().text.size();
        queue_.pop_front();
        ++status_.dropped;
      }
    }
    changed_.notify_one();
    counted_.notify_all();
  }

  void send(const std::stop_token& stop) {
    std::chrono::milliseconds pause = config_.retryFirst;
    while (!stop.stop_requested()) {
      tellDrops();
      if (batch_.empty() && !fill(stop)) continue;
      try {
        connection_->send(batch_);
        succeeded();
        pause = config_.retryFirst;
      } catch (const std::exception& failure) {  // the top of a worker's job: it is tried again
        if (failed(base::publicMessage(failure)))
          tell("lines cannot be sent, and wait: " + base::publicMessage(failure));
        std::unique_lock lock(mutex_);
        changed_.wait_for(lock, stop, pause, [] { return false; });
        pause = std::min(2 * pause, config_.retryLast);
      }
    }
  }

  /// Waits for lines, and a moment for more.
  bool fill(const std::stop_token& stop) {
    std::unique_lock lock(mutex_);
    constexpr std::chrono::seconds kLook{1};
    if (!changed_.wait_for(lock, stop, kLook, [&] { return !queue_.empty(); })) return false;
    changed_.wait_for(lock, stop, config_.batchWait, [&] { return queue_.size() >= config_.batchMaxLines; });
    while (!queue_.empty() && batch_.size() < config_.batchMaxLines) {
      queuedBytes_ -= queue_.front().text.size();
      batch_.push_back(std::move(queue_.front()));
      queue_.pop_front();
    }
    return !batch_.empty();
  }

  void succeeded() {
    const std::lock_guard lock(mutex_);
    status_.sent += batch_.size();
    status_.failure.clear();
    batch_.clear();
    counted_.notify_all();
  }

  bool failed(const std::string& why) {
    const std::lock_guard lock(mutex_);
    const bool first = status_.failure.empty();
    status_.failure = why;
    counted_.notify_all();
    return first;
  }

  /// A line of the log itself: so the receiver gets it as well.
  void tellDrops() {
    std::uint64_t lost = 0;
    {
      const std::lock_guard lock(mutex_);
      const auto now = std::chrono::steady_clock::now();
      if (status_.dropped == told_ || now < nextTelling_) return;
      lost = status_.dropped - told_;
      told_ = status_.dropped;
      nextTelling_ = now + kTellEvery;
    }
    tell(std::to_string(lost) + " lines were dropped: the receiver is too slow");
  }

  const LogDrainsConfig& config_;
  runner::AppLog& log_;
  const std::unique_ptr<DrainConnection> connection_;
  mutable std::mutex mutex_;
  store::AppName app_;  // guarded by mutex_, as what follows
  std::condition_variable_any changed_;
  mutable std::condition_variable_any counted_;  // for await()
  std::deque<runner::LogLine> queue_;
  std::size_t queuedBytes_ = 0;
  std::vector<runner::LogLine> batch_;  // the sender's
  DrainStatus status_;
  std::uint64_t told_ = 0;
  std::chrono::steady_clock::time_point nextTelling_;
  std::unique_ptr<runner::AppLog::Follower> place_;  // the follower's
  std::jthread sender_;
  std::jthread follower_;  // last: it ends first
};

LogDrains::LogDrains(LogDrainsConfig config, store::ReleaseStore& store, runner::AppLog& log, Connect connect)
    : config_(config), store_(store), log_(log), connect_(std::move(connect)) {
  refresh();
}

LogDrains::~LogDrains() = default;

void LogDrains::refresh() {
  const std::lock_guard one(refreshing_);
  std::map<std::int64_t, std::shared_ptr<Worker>> now;
  {
    const std::lock_guard lock(mutex_);
    now = workers_;
  }
  std::map<std::int64_t, std::shared_ptr<Worker>> wanted;
  for (const store::Drain& drain : store::DrainStore(store_).all()) {
    if (drain.url.empty()) {
      base::Log("drain").error("a drain's URL cannot be read: remove it, and add it again",
                               {{"drain", drain.token}});
      continue;
    }
    const auto found = now.find(drain.id);
    const store::AppName app = store_.getApp(drain.app).name;
    if (found == now.end()) {
      wanted[drain.id] = std::make_shared<Worker>(config_, log_, app, connect_(drain));
      continue;
    }
    if (found->second->app() != app) found->second->rename(app);
    wanted[drain.id] = found->second;
  }
  const std::lock_guard lock(mutex_);
  workers_.swap(wanted);
}

DrainStatus LogDrains::status(std::int64_t drain) const {
  const std::lock_guard lock(mutex_);
  const auto found = workers_.find(drain);
  return found == workers_.end() ? DrainStatus{} : found->second->status();
}

bool LogDrains::await(std::int64_t drain, const std::function<bool(const DrainStatus&)>& wanted,
                      std::chrono::milliseconds atMost) const {
  std::shared_ptr<Worker> worker;
  {
    const std::lock_guard lock(mutex_);
    const auto found = workers_.find(drain);
    if (found == workers_.end()) return false;
    worker = found->second;
  }
  return worker->await(wanted, atMost);
}

}  // namespace controller
