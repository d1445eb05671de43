// What is entered of cron's runs as they end, and who waits for that.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <stop_token>

#include "runner/one_off.h"
#include "store/cron_store.h"

namespace controller {

/// Made before the one-off processes, which tell it of their ends, and outlives them; CronScheduler comes
/// after them. Thread-safe.
class CronBook {
 public:
  /// Keeps `keep` runs of an app (setting cron_history_max).
  CronBook(store::ReleaseStore& store, std::size_t keep) : store_(store, keep) {}

  store::CronStore& store() noexcept { return store_; }
  /// For runner::OneOffConfig::ended. Of others than cron's, and a second time, it changes nothing.
  void ended(const store::AppName& app, const runner::OneOffEnd& end);

  /// There may be something to do: a release, a run that is to begin, an end.
  void changed();
  /// Until changed() was called after `seen`, which is moved on, for `atMost`, or until stop is requested.
  void wait(std::uint64_t& seen, std::chrono::milliseconds atMost, const std::stop_token& stop);

 private:
  store::CronStore store_;
  std::mutex mutex_;
  std::condition_variable_any news_;
  std::uint64_t changes_ = 0;  // guarded by mutex_
};

/// Of one-off processes that cron starts: "cron.12".
inline constexpr const char* kCronType = "cron";

}  // namespace controller
