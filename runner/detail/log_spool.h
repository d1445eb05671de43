// A file that another process appends to, read to its end, again and again, and freed behind.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/fd.h"
#include "runner/detail/log_record.h"

namespace runner::detail {

/// Whole lines of a file from a place on. Its writer may put a new file under its name: the old one is read
/// to its end first, if this object had it open. Without a file: there is nothing yet. One thread at a time.
class LogSpool {
 public:
  /// Makes a file ours that its writer has made: only then can it be read, given back to the disk and asked
  /// for its writers. Empty: it is.
  using Claim = std::function<void(const std::filesystem::path&)>;

  LogSpool(std::filesystem::path path, SpoolPlace from, Claim claim = {});
  virtual ~LogSpool() = default;
  LogSpool(const LogSpool&) = delete;
  LogSpool& operator=(const LogSpool&) = delete;

  std::string name() const { return path_.filename().string(); }
  std::filesystem::path folder() const { return path_.parent_path(); }

  /// Takes what was added, at most `maxBytes`; true when there is more.
  bool take(std::uint64_t maxBytes, std::vector<LogEntry>& entries);
  /// Where the next take() goes on.
  SpoolPlace place() const noexcept { return place_; }
  /// What was taken from `place` on could not be kept: it is given again.
  void goBackTo(const SpoolPlace& place);
  /// The disk gets back what lies before `place`, which nobody needs any more. The writer goes on
  /// undisturbed.
  void freeUpTo(const SpoolPlace& place);
  bool exists() const { return std::filesystem::exists(path_); }
  /// Whether all is taken and nobody has the file open for writing, so that none will come: the file can go.
  bool isDone() const;
  /// Of one that is done.
  void removeFile();
  /// Bytes that its writer has added so far, as the last take() saw it.
  std::uint64_t grown() const noexcept { return grown_; }
  /// Whether lines may be missing since the last call: the writer began a new file more than once meanwhile.
  bool lostLines() { return std::exchange(lost_, false); }

 protected:
  /// One line, without its newline, that ends at `end` of the file.
  virtual void takeLine(std::string_view line, std::uint64_t end, std::vector<LogEntry>& entries) = 0;
  /// The file's reader knows nothing of earlier lines.
  virtual void forget() = 0;
  /// Offset of the first byte that belongs to a line not given out yet, where that is before `offset`.
  virtual std::uint64_t firstPending(std::uint64_t offset) const = 0;
  /// All was read, and nobody will write any more: what is pending is a line.
  virtual void finish(std::vector<LogEntry>& entries) = 0;
  /// Where the line that takeLine() has got begins.
  std::uint64_t lineBegin() const noexcept { return lineBegin_; }
  virtual bool hasPending() const = 0;

 private:
  void open();
  base::Fd openFile() const;
  bool isReplaced() const;
  void readLines(std::string_view bytes, std::vector<LogEntry>& entries);

  std::filesystem::path path_;
  Claim claim_;
  SpoolPlace place_;
  SpoolPlace freed_;
  base::Fd fd_;
  std::uint64_t lineBegin_ = 0;
  std::uint64_t size_ = 0;  // as last seen
  std::uint64_t grown_ = 0;
  unsigned quiet_ = 0;  // takes that found nothing
  bool lost_ = false;
};

/// What conmon writes of a process: "web.1~CONTAINER.log" (or "web.1.log", of earlier versions), and
/// "fairlead.log", the platform's events of earlier versions. Partial lines are joined (at most 64 KiB, then
/// they are given out as they are); what is not a CRI line is skipped.
class CriSpool : public LogSpool {
 public:
  CriSpool(std::filesystem::path path, SpoolPlace from, Claim claim = {});
  const std::string& process() const noexcept { return process_; }
  const std::string& container() const noexcept { return container_; }  ///< empty where the name has none

 protected:
  void takeLine(std::string_view line, std::uint64_t end, std::vector<LogEntry>& entries) override;
  void forget() override { partials_.clear(); }
  std::uint64_t firstPending(std::uint64_t offset) const override;
  void finish(std::vector<LogEntry>& entries) override;
  bool hasPending() const override { return !partials_.empty(); }

 private:
  struct Partial {
    LogTime time = 0;
    std::uint64_t begin = 0;
    std::string text;
  };
  void give(LogTime time, std::string_view text, std::vector<LogEntry>& entries) const;

  std::string process_;
  std::string container_;
  std::map<std::string, Partial, std::less<>> partials_;  // by stream
};

}  // namespace runner::detail
