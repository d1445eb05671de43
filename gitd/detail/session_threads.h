// Sessions that have a thread each, and how all of them end.
#pragma once

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <exception>
#include <iterator>
#include <list>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <utility>

#include "base/fd.h"
#include "base/log.h"
#include "gitd/detail/thread.h"

namespace gitd::detail {

/// Thread-safe, but for endAll(). Signals `changed`, which must outlive this, when a session is over; reap()
/// is for whoever waits for that.
template <typename Session>
class SessionThreads {
 public:
  /// `kind` is what the log calls them.
  SessionThreads(std::string kind, const base::Fd& changed) : kind_(std::move(kind)), changed_(changed) {}

  /// Makes a session and calls serve(Session&) on a thread of its own; what either throws is logged.
  template <typename Make, typename Serve>
  void start(Make make, Serve serve) {
    const std::lock_guard lock(mutex_);
    Entry& entry = entries_.emplace_back();
    try {
      entry.session = make();
      entry.thread = std::jthread([this, &entry, serve] { run(entry, serve); });
    } catch (const std::exception& failure) {
      // Out of threads or descriptors: this one is turned away, those under way go on.
      base::Log("gitd").error(kind_ + " not taken", {{"error", failure.what()}});
      entries_.pop_back();
    }
  }

  std::size_t size() {
    const std::lock_guard lock(mutex_);
    return entries_.size();
  }

  void reap() {
    std::list<Entry> finished;
    {
      const std::lock_guard lock(mutex_);
      for (auto at = entries_.begin(); at != entries_.end();) {
        const auto next = std::next(at);
        if (at->done) finished.splice(finished.end(), entries_, at);
        at = next;
      }
    }
    // Joined and destroyed here, without the lock.
  }

  template <typename Body>
  void forEach(Body body) {
    const std::lock_guard lock(mutex_);
    for (Entry& entry : entries_)
      body(*entry.session);
  }

  /// Waits for all of them, asks those that are left after `grace` to abort, and waits for these. None may be
  /// started any more.
  void endAll(std::chrono::milliseconds grace) {
    std::unique_lock lock(mutex_);
    const auto allDone = [this] {
      return std::all_of(entries_.begin(), entries_.end(),
                         [](const Entry& entry) { return entry.done.load(); });
    };
    if (!ended_.wait_for(lock, grace, allDone)) {
      for (Entry& entry : entries_)
        entry.session->requestAbort();
    }
    lock.unlock();
    entries_.clear();
  }

 private:
  struct Entry {
    std::unique_ptr<Session> session;
    std::atomic<bool> done{false};
    std::jthread thread;
  };

  /// The top of a session's thread.
  template <typename Serve>
  void run(Entry& entry, const Serve& serve) {
    beginThread("gitd-session");
    try {
      serve(*entry.session);
    } catch (const std::exception& failure) {
      base::Log("gitd").error(kind_ + " failed", {{"error", failure.what()}});
    }
    entry.done = true;
    base::signalEvent(changed_);
    const std::lock_guard lock(mutex_);
    ended_.notify_all();
  }

  const std::string kind_;
  const base::Fd& changed_;
  std::mutex mutex_;  // guards the list's shape and ended_
  std::condition_variable ended_;
  std::list<Entry> entries_;
};

}  // namespace gitd::detail
