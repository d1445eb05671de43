// Removing folders off the critical path.
#pragma once

#include <condition_variable>
#include <filesystem>
#include <mutex>
#include <stop_token>
#include <string>
#include <thread>

#include "sandbox/foreign_trees.h"

namespace builder::detail {

/// Takes folders away at once (by renaming) and removes them on a thread of its own ("build-trash"): a
/// build's thousands of files take seconds on some disks, and the pusher waits. It does not matter whether
/// they are this process's or those of containers' users. Thread-safe. What is left at a shutdown goes at the
/// next start.
class Trash {
 public:
  /// `folder` is made; nothing else may live in it. What it holds already is removed.
  Trash(std::filesystem::path folder, sandbox::ForeignTrees& trees);
  ~Trash();
  Trash(const Trash&) = delete;
  Trash& operator=(const Trash&) = delete;

  /// Missing is fine. Throws io.
  void take(const std::filesystem::path& path);
  /// For who moves things there by itself, under names that are free, and then calls look().
  const std::filesystem::path& folder() const noexcept { return folder_; }
  void look();
  /// Until everything taken so far is gone; for tests.
  void wait();

 private:
  void empty(std::stop_token stop);
  void removeAll(const std::stop_token& stop);

  const std::filesystem::path folder_;
  sandbox::ForeignTrees& trees_;
  std::mutex mutex_;
  std::condition_variable_any changed_;
  bool pending_ = true;  // guarded by mutex_: something may be in the folder
  bool busy_ = false;    // guarded by mutex_
  std::jthread thread_;  // last: it uses what is above
};

}  // namespace builder::detail
