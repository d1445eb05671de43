// In which folders somebody wrote, as the kernel tells it.
#pragma once

#include <chrono>
#include <filesystem>
#include <map>
#include <set>
#include <string>

#include "base/fd.h"

namespace runner::detail {

/// Files "*.log" directly in the folders below a root, and in one folder elsewhere. One thread at a time,
/// wake() excepted. (inotify(7).)
class WriteWatch {
 public:
  struct Written {
    bool anywhere = false;          ///< folders came or went, or the kernel lost count: look everywhere
    bool elsewhere = false;         ///< in the folder elsewhere
    std::set<std::string> folders;  ///< names below the root
    bool nothing() const { return !anywhere && !elsewhere && folders.empty(); }
  };

  /// `elsewhere` may be empty.
  WriteWatch(std::filesystem::path root, std::filesystem::path elsewhere);
  WriteWatch(const WriteWatch&) = delete;
  WriteWatch& operator=(const WriteWatch&) = delete;

  /// What was written since the last call; waits for it, at most this long, or until wake().
  Written wait(std::chrono::milliseconds atMost);
  /// Waits this long, or until wake(), whatever is written.
  void pause(std::chrono::milliseconds time) const;
  /// All waits end at once from now on. Any thread.
  void wake() const noexcept { base::signalEvent(woken_); }
  /// Whether nothing escapes it: else (the kernel grants no more watches) who asks has to look, too.
  bool isComplete() const noexcept { return complete_; }

 private:
  void watchAll();
  Written read();

  std::filesystem::path root_;
  std::filesystem::path elsewhere_;
  base::Fd events_;
  base::Fd woken_;
  int rootWatch_ = -1;
  int elsewhereWatch_ = -1;
  std::map<int, std::string> names_;  // by watch
  bool complete_ = true;
};

}  // namespace runner::detail
