// The lines of apps' logs on their way to drains.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "controller/drain_connection.h"
#include "controller/drain_marks.h"
#include "runner/app_log.h"
#include "store/drain_store.h"

namespace controller {

struct LogDrainsConfig {
  std::size_t batchMaxLines = 500;
  std::chrono::milliseconds batchWait{500};   ///< for more lines to go with the first
  std::chrono::milliseconds lookEvery{100};   ///< for new lines
  std::chrono::milliseconds keepEvery{1000};  ///< that it is written down how far drains are
  std::chrono::milliseconds retryFirst{1'000};
  std::chrono::milliseconds retryLast{60'000};
};

struct DrainStatus {
  std::uint64_t sent = 0;     ///< lines, since the daemon's start
  std::uint64_t dropped = 0;  ///< lines that the log had no longer when their turn came; since then, too
  std::uint64_t waiting = 0;  ///< lines of the log that have not gone yet
  std::string failure;        ///< of the last attempt; empty when it went well
};

/// One thread for each drain, which reads the app's log as fast as its receiver takes it. A drain gets every
/// line from the moment on at which refresh() first returns with it, also of an app that gets another name,
/// and over daemons: at least once, and those of the last moments before a kill may come twice. Nobody waits
/// for a receiver: what waits is the log itself, and what that has no longer when its turn comes is counted,
/// and told in the app's log and so to the receiver. Thread-safe.
class LogDrains {
 public:
  /// Connects to a drain; for tests another.
  using Connect = std::function<std::unique_ptr<DrainConnection>(const store::Drain&)>;
  LogDrains(LogDrainsConfig config, store::ReleaseStore& store, runner::AppLog& log, Connect connect);
  ~LogDrains();
  LogDrains(const LogDrains&) = delete;
  LogDrains& operator=(const LogDrains&) = delete;

  /// Those that the database has, and no others: at the start, and after a change.
  void refresh();
  DrainStatus status(std::int64_t drain) const;
  /// Until the drain's status is as wanted, which is false when it is not in time, or there is no such drain.
  bool await(std::int64_t drain, const std::function<bool(const DrainStatus&)>& wanted,
             std::chrono::milliseconds atMost) const;

 private:
  class Worker;
  const LogDrainsConfig config_;
  store::ReleaseStore& store_;
  runner::AppLog& log_;
  const Connect connect_;
  DrainMarks marks_;
  std::mutex refreshing_;  // held for one refresh, which waits for threads to end
  mutable std::mutex mutex_;
  std::map<std::int64_t, std::shared_ptr<Worker>>
      workers_;  // shared: status() looks while refresh() ends one
};

}  // namespace controller
