#include "runner/detail/log_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "base/error.h"
#include "base/fd.h"

namespace runner::detail {
namespace {

constexpr std::uint64_t kBlock = 64u << 10;
constexpr std::uint64_t kTailBytes = 8u << 20;
constexpr std::uint64_t kPollBytes = 4u << 20;
constexpr std::size_t kMaxLine = 64u << 10;

/// Invalid Fd when the file is not there.
base::Fd openLog(const std::filesystem::path& path, int flags) {
  base::Fd fd(::open(path.c_str(), flags | O_CLOEXEC));
  if (!fd.valid() && errno != ENOENT) base::throwErrno(errno, "opening log " + path.filename().string());
  return fd;
}

struct stat statOf(const base::Fd& fd) {
  struct stat info {};
  if (::fstat(fd.get(), &info) != 0) base::throwErrno(errno, "reading a log");
  return info;
}

std::string readAt(const base::Fd& fd, std::uint64_t offset, std::uint64_t length) {
  std::string bytes(length, '\0');
  std::size_t have = 0;
  while (have < bytes.size()) {
    const ssize_t count =
        ::pread(fd.get(), bytes.data() + have, bytes.size() - have, static_cast<off_t>(offset + have));
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) base::throwErrno(errno, "reading a log");
    if (count == 0) break;
    have += static_cast<std::size_t>(count);
  }
  bytes.resize(have);
  return bytes;
}

/// Whether `line` ends a logical line.
bool isWhole(std::string_view line) {
  const auto parsed = parseCriLine(line);
  return parsed && !parsed->partial;
}

/// Whole lines that begin in `block`, but for the first one, which may have its head further up.
std::size_t countWhole(std::string_view block) {
  std::size_t count = 0;
  std::size_t at = block.find('\n');
  while (at != std::string_view::npos) {
    const std::size_t end = block.find('\n', at + 1);
    if (end == std::string_view::npos) break;
    if (isWhole(block.substr(at + 1, end - at - 1))) ++count;
    at = end;
  }
  return count;
}

}  // namespace

LogFile::LogFile(std::filesystem::path path)
    : path_(std::move(path)),
      platform_(path_.stem() == "fairlead"),
      process_(platform_ ? "" : path_.stem().string()) {}

std::vector<LogEntry> LogFile::tail(std::size_t count) {
  std::vector<LogEntry> entries;
  const base::Fd fd = openLog(path_, O_RDONLY);
  if (!fd.valid()) return entries;
  const struct stat info = statOf(fd);
  const auto size = static_cast<std::uint64_t>(info.st_size);
  inode_ = info.st_ino;
  std::uint64_t from = size;
  std::string bytes;
  // One line more than asked: the oldest one found may lack its first parts.
  for (std::size_t found = 0; found <= count && from > 0 && size - from < kTailBytes && count > 0;) {
    const std::uint64_t length = std::min(from, std::max<std::uint64_t>(kBlock, bytes.size()));
    from -= length;
    bytes.insert(0, readAt(fd, from, length));
    found = countWhole(bytes);
  }
  const std::size_t end = bytes.rfind('\n');
  if (count == 0) {
    offset_ = size;
    return entries;
  }
  offset_ = from + (end == std::string::npos ? 0 : end + 1);
  if (end != std::string::npos) take(std::string_view(bytes).substr(0, end + 1), entries);
  if (entries.size() > count)
    entries.erase(entries.begin(), entries.end() - static_cast<std::ptrdiff_t>(count));
  return entries;
}

std::vector<LogEntry> LogFile::poll() {
  std::vector<LogEntry> entries;
  const base::Fd fd = openLog(path_, O_RDONLY);
  if (!fd.valid()) return entries;
  const struct stat info = statOf(fd);
  const auto size = static_cast<std::uint64_t>(info.st_size);
  if (info.st_ino != inode_ || size < offset_) {
    inode_ = info.st_ino;
    offset_ = 0;
    skipUntil_ = last_;
    partials_.clear();
  }
  if (size == offset_) return entries;
  const std::string bytes = readAt(fd, offset_, std::min(size - offset_, kPollBytes));
  const std::size_t end = bytes.rfind('\n');
  if (end == std::string::npos) {
    if (bytes.size() > kMaxLine * 2) offset_ += bytes.size();  // no log line: nobody writes them that long
    return entries;
  }
  offset_ += end + 1;
  take(std::string_view(bytes).substr(0, end + 1), entries);
  return entries;
}

void LogFile::take(std::string_view bytes, std::vector<LogEntry>& entries) {
  while (!bytes.empty()) {
    const std::size_t end = bytes.find('\n');
    takeLine(bytes.substr(0, end), entries);
    bytes.remove_prefix(end + 1);
  }
}

void LogFile::takeLine(std::string_view line, std::vector<LogEntry>& entries) {
  const auto parsed = parseCriLine(line);
  if (!parsed || (skipUntil_ != 0 && parsed->time <= skipUntil_)) return;
  auto found = partials_.find(parsed->stream);
  if (parsed->partial && found == partials_.end()) {
    found = partials_.emplace(std::string(parsed->stream), Partial{parsed->time, ""}).first;
  }
  LogTime time = parsed->time;
  std::string text(parsed->text);
  if (found != partials_.end()) {
    Partial& partial = found->second;
    partial.text += text;
    if (parsed->partial && partial.text.size() < kMaxLine) return;
    time = partial.time;
    text = std::move(partial.text);
    partials_.erase(found);
  }
  last_ = std::max(last_, parsed->time);
  entries.push_back(entry(time, std::move(text)));
}

LogEntry LogFile::entry(LogTime time, std::string text) const {
  LogLine line{formatLogTime(time), "app", process_, std::move(text)};
  if (platform_) {
    const std::size_t colon = std::min(line.text.find(": "), line.text.size());
    line.source = "fairlead";
    line.process = line.text.substr(0, colon);
    line.text.erase(0, colon + 2);
  }
  return {time, std::move(line)};
}

void cutLogFile(const std::filesystem::path& path, std::uint64_t keepBytes) {
  const base::Fd fd = openLog(path, O_RDWR | O_APPEND);
  if (!fd.valid()) return;
  const struct stat info = statOf(fd);
  const auto size = static_cast<std::uint64_t>(info.st_size);
  if (size <= keepBytes) return;
  // ext4 and xfs take whole blocks out at the front without touching the rest, so nothing written meanwhile
  // is lost.
  const auto blockSize = static_cast<std::uint64_t>(info.st_blksize);
  const std::uint64_t whole = (size - keepBytes + blockSize - 1) / blockSize * blockSize;
  if (whole < size && ::fallocate(fd.get(), FALLOC_FL_COLLAPSE_RANGE, 0, static_cast<off_t>(whole)) == 0)
    return;
  std::string kept = readAt(fd, size - keepBytes, keepBytes);
  kept.erase(0, std::min(kept.find('\n'), kept.size() - 1) + 1);
  if (::ftruncate(fd.get(), 0) != 0) base::throwErrno(errno, "cutting log " + path.filename().string());
  base::writeAll(fd, kept);
}

}  // namespace runner::detail
