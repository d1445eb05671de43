#include "controller/log_drains.h"

#include <pthread.h>

#include <algorithm>
#include <condition_variable>
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

/// One drain: its place in the log, and its thread.
class LogDrains::Worker {
 public:
  /// Goes on where it was, or, as a new one, has every line that is written from here on.
  Worker(const LogDrainsConfig& config, runner::AppLog& log, DrainMarks& marks, std::int64_t drain,
         store::AppName app, std::unique_ptr<DrainConnection> connection)
      : config_(config),
        log_(log),
        marks_(marks),
        drain_(drain),
        connection_(std::move(connection)),
        app_(std::move(app)) {
    try {
      openLog();
    } catch (const std::exception& failure) {  // the thread tries it again
      notRead(failure);
    }
    thread_ = std::jthread([this](const std::stop_token& stop) {
      ::pthread_setname_np(::pthread_self(), "drain");
      work(stop);
    });
  }

  store::AppName app() const {
    const std::lock_guard lock(mutex_);
    return app_;
  }

  /// The app's files have been moved: goes on in them, with what waits and what was counted.
  void rename(const store::AppName& app) {
    const std::lock_guard lock(mutex_);
    app_ = app;
  }

  DrainStatus status() const {
    const std::lock_guard lock(mutex_);
    return status_;
  }

  bool await(const std::function<bool(const DrainStatus&)>& wanted, std::chrono::milliseconds atMost) const {
    std::unique_lock lock(mutex_);
    return counted_.wait_for(lock, atMost, [&] { return wanted(status_); });
  }

 private:
  void openLog() {
    const auto sent = marks_.of(drain_);
    place_ = std::make_unique<runner::AppLog::Follower>(
        log_, app(), runner::LogQuery{.lines = 0, .process = "", .source = "", .after = sent});
    next_ = place_->next();
    if (!sent) marks_.set(drain_, next_ - 1);
  }

  void notRead(const std::exception& failure) const {
    base::Log("drain").error("log not read", {{"app", app().str()}, {"error", failure.what()}});
  }

  void pause(const std::stop_token& stop, std::chrono::milliseconds time) const {
    std::unique_lock lock(mutex_);
    counted_.wait_for(lock, stop, time, [] { return false; });
  }

  /// Into the app's log, if that can be written: a full disk ends no thread.
  void tell(const std::string& text) noexcept {
    try {
      log_.append(app(), "drain", text);
    } catch (const std::exception& failure) {
      base::Log("drain").error("log not written", {{"app", app().str()}, {"error", failure.what()}});
    }
  }

  void work(const std::stop_token& stop) {
    std::chrono::milliseconds wait = config_.retryFirst;
    while (!stop.stop_requested()) {
      marks_.keepWhenDue();
      tellDrops();
      if (!read(stop) || batch_.empty()) continue;
      try {
        connection_->send(batch_);
        succeeded();
        wait = config_.retryFirst;
      } catch (const std::exception& failure) {  // the top of a worker's job: it is tried again
        if (failed(base::publicMessage(failure)))
          tell("lines cannot be sent, and wait: " + base::publicMessage(failure));
        pause(stop, wait);
        wait = std::min(2 * wait, config_.retryLast);
      }
    }
  }

  /// Fills the batch, unless it waits to be sent again; false when the log cannot be read.
  bool read(const std::stop_token& stop) {
    try {
      if (!place_) openLog();
      place_->rename(app());
      if (batch_.empty()) fill(stop);
      count();
      return true;
    } catch (const std::exception& failure) {  // the top of a worker's job: it goes on where it was
      notRead(failure);
    }
    pause(stop, config_.retryFirst);
    return false;
  }

  /// With what there is, and a moment for more; waits a while when there is nothing.
  void fill(const std::stop_token& stop) {
    takeMore();
    if (batch_.empty()) return pause(stop, config_.lookEvery);
    if (batch_.size() >= config_.batchMaxLines) return;
    pause(stop, config_.batchWait);
    takeMore();
  }

  void takeMore() {
    std::uint64_t lost = 0;
    for (runner::LogLine& line : place_->take(config_.batchMaxLines - batch_.size())) {
      lost += line.number - std::min(line.number, next_);
      next_ = line.number + 1;
      batch_.push_back(std::move(line));
    }
    const std::lock_guard lock(mutex_);
    status_.dropped += lost;
  }

  void count() {
    const std::uint64_t waiting = place_->waiting() + batch_.size();
    const std::lock_guard lock(mutex_);
    status_.waiting = waiting;
    counted_.notify_all();
  }

  void succeeded() {
    marks_.set(drain_, batch_.back().number);
    const std::lock_guard lock(mutex_);
    status_.sent += batch_.size();
    status_.waiting -= std::min<std::uint64_t>(status_.waiting, batch_.size());
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
    tell(std::to_string(lost) +
         " lines were dropped: the log did not hold them until the receiver took them");
  }

  const LogDrainsConfig& config_;
  runner::AppLog& log_;
  DrainMarks& marks_;
  const std::int64_t drain_;
  const std::unique_ptr<DrainConnection> connection_;
  mutable std::mutex mutex_;
  store::AppName app_;  // guarded by mutex_, as what follows
  mutable std::condition_variable_any counted_;
  DrainStatus status_;
  std::uint64_t told_ = 0;
  std::chrono::steady_clock::time_point nextTelling_;
  std::unique_ptr<runner::AppLog::Follower> place_;  // the thread's, as what follows
  std::uint64_t next_ = 1;                           // number of the line that comes next
  std::vector<runner::LogLine> batch_;
  std::jthread thread_;  // last: it ends first
};

LogDrains::LogDrains(LogDrainsConfig config, store::ReleaseStore& store, runner::AppLog& log, Connect connect)
    : config_(config),
      store_(store),
      log_(log),
      connect_(std::move(connect)),
      marks_(store, config.keepEvery) {
  refresh();
}

LogDrains::~LogDrains() {
  workers_.clear();
  marks_.keep();
}

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
      wanted[drain.id] = std::make_shared<Worker>(config_, log_, marks_, drain.id, app, connect_(drain));
      continue;
    }
    if (found->second->app() != app) found->second->rename(app);
    wanted[drain.id] = found->second;
  }
  {
    const std::lock_guard lock(mutex_);
    workers_.swap(wanted);
  }
  // A kill from here on takes no line of a new one.
  marks_.keep();
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
