// Reading one CRI log file: its last lines, then what is added.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "runner/app_log.h"
#include "runner/detail/cri_log.h"

namespace runner::detail {

struct LogEntry {
  LogTime time = 0;
  LogLine line;
};

/// A reader's place in a file that others write, cut (copy and truncate) and replace. Partial lines are
/// joined (at most 64 KiB, then they are given out as they are); what is not a CRI line is skipped. One
/// thread at a time.
class LogFile {
 public:
  /// "web.1.log" is the app's process web.1, "fairlead.log" the platform's own.
  explicit LogFile(std::filesystem::path path);

  /// The same file is at another path now.
  void moveTo(std::filesystem::path path) { path_ = std::move(path); }

  bool isPlatform() const noexcept { return platform_; }
  const std::string& process() const noexcept { return process_; }

  /// The last `count` lines; reads from the end, at most 8 MiB. poll() goes on from there.
  std::vector<LogEntry> tail(std::size_t count);
  /// Lines added since, at most 4 MiB of them. After the file was cut: those that are newer than the last one
  /// given.
  std::vector<LogEntry> poll();

 private:
  void take(std::string_view bytes, std::vector<LogEntry>& entries);
  void takeLine(std::string_view line, std::vector<LogEntry>& entries);
  LogEntry entry(LogTime time, std::string text) const;

  struct Partial {
    LogTime time = 0;
    std::string text;
  };

  std::filesystem::path path_;
  bool platform_;
  std::string process_;
  ino_t inode_ = 0;
  std::uint64_t offset_ = 0;  // of the first byte not taken yet
  LogTime last_ = 0;          // newest time given out
  LogTime skipUntil_ = 0;     // after a cut: lines up to here were given out already
  std::map<std::string, Partial, std::less<>> partials_;  // by stream
};

/// Drops the oldest lines so that at most `keepBytes` stay. Writers that hold the file open for appending go
/// on undisturbed; a line written in the moment of the cut may be lost where the file system cannot cut in
/// place.
void cutLogFile(const std::filesystem::path& path, std::uint64_t keepBytes);

}  // namespace runner::detail
