// The disk that a build takes.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <thread>

#include "sandbox/foreign_trees.h"

namespace builder::detail {

/// Measures a build's folder while its phases run, on a thread of its own ("build-disk"), and ends the phase
/// that goes beyond a limit. Needs no quotas: it asks the file system five times a second how much is free,
/// and measures the folder when what went could be too much, else now and then. So a limit is exceeded by
/// what can be written in a fraction of a second. A measuring under way ends with the watch. Thread-safe.
class DiskWatch {
 public:
  struct Limits {
    std::uint64_t maxBytes = 0;      ///< of the folder
    std::uint64_t minFreeBytes = 0;  ///< that must stay free on its file system
  };
  struct Folders {
    std::filesystem::path watched;
    std::filesystem::path beside = {};  ///< what lies there, if it is there, counts as well
  };
  DiskWatch(Folders folders, sandbox::ForeignTrees& trees, Limits limits);
  ~DiskWatch();
  DiskWatch(const DiskWatch&) = delete;
  DiskWatch& operator=(const DiskWatch&) = delete;

  /// While it lives the folder is watched; `end` is asked to stop when a limit is exceeded.
  class Phase {
   public:
    /// `unseen`: bytes that the folder's walk does not find, on its device; called on the watch's thread.
    Phase(DiskWatch& watch, std::stop_source end, std::function<std::uint64_t(dev_t)> unseen);
    ~Phase();
    Phase(const Phase&) = delete;
    Phase& operator=(const Phase&) = delete;

   private:
    DiskWatch& watch_;
  };

  /// What was exceeded: the second half of a sentence. Once there it stays.
  std::optional<std::string> verdict() const;

 private:
  void work(const std::stop_token& stop);
  struct Running {
    std::stop_source end;
    std::function<std::uint64_t(dev_t)> unseen;
  };
  std::optional<std::string> look(const Running& running, const std::stop_token& stop);
  std::uint64_t measure(const Running& running, const std::stop_token& stop);

  const Folders folders_;
  sandbox::ForeignTrees& trees_;
  const Limits limits_;
  // Of the thread alone: what the last measuring found, and when.
  std::uint64_t usedBytes_ = 0;
  std::uint64_t freeThen_ = 0;
  std::chrono::steady_clock::time_point nextMeasure_{};

  mutable std::mutex mutex_;
  std::condition_variable_any changed_;
  std::optional<Running> running_;      // guarded by mutex_: the phase
  std::optional<std::string> verdict_;  // guarded by mutex_
  std::jthread thread_;                 // last: it uses what is above
};

}  // namespace builder::detail
