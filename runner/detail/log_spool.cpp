#include "runner/detail/log_spool.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <utility>

#include "base/error.h"

namespace runner::detail {
namespace {

constexpr std::size_t kMaxLine = 64u << 10;
constexpr std::uint64_t kLongestLine = 4u << 20;  // nobody writes longer ones: skipped
constexpr std::uint64_t kFreeBlock = 64u << 10;

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

/// Who writes it may write to its folder, and put there what it likes: a pipe, which would be waited for.
base::Fd openLog(const std::filesystem::path& path, int access) {
  base::Fd fd(::open(path.c_str(), access | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
  if (!fd.valid()) return fd;
  if (S_ISREG(statOf(fd).st_mode)) return fd;
  throw base::Error(base::Errc::corrupt, "log " + path.filename().string() + " is no file");
}

/// Asked by a lease for reading, which the kernel gives only while nobody has the file open for writing.
/// Where there are no leases, somebody may have.
bool hasWriter(const base::Fd& fd) {
  // Who opened it in the moment of the lease would have us signalled: by default with SIGIO, which ends us.
  if (::fcntl(fd.get(), F_SETSIG, SIGURG) != 0) return true;
  if (::fcntl(fd.get(), F_SETLEASE, F_RDLCK) != 0) return true;
  ::fcntl(fd.get(), F_SETLEASE, F_UNLCK);
  return false;
}

}  // namespace

LogSpool::LogSpool(std::filesystem::path path, SpoolPlace from, Claim claim)
    : path_(std::move(path)), claim_(std::move(claim)), place_(from) {}

/// Invalid when it is not there.
base::Fd LogSpool::openFile() const {
  struct stat info {};
  if (claim_ && ::lstat(path_.c_str(), &info) == 0 && info.st_uid != ::geteuid()) claim_(path_);
  base::Fd file = openLog(path_, O_RDONLY);
  if (!file.valid() && errno != ENOENT) base::throwErrno(errno, "opening log " + path_.filename().string());
  return file;
}

/// At `place_`, if this is the file that it is about, and with what was pending there; else at the beginning.
void LogSpool::open() {
  fd_ = openFile();
  if (!fd_.valid()) return;
  const struct stat info = statOf(fd_);
  const auto size = static_cast<std::uint64_t>(info.st_size);
  const bool same = place_.inode == info.st_ino && place_.offset <= size && place_.behind <= place_.offset;
  if (!same) {
    // A first file begins as an empty place; another one than the last has lost what nobody read of that.
    lost_ = lost_ || place_.inode != 0;
    place_ = {.inode = info.st_ino, .offset = 0, .behind = 0};
    forget();
  }
  freed_ = {.inode = place_.inode, .offset = 0, .behind = 0};
  size_ = place_.offset;
  if (place_.behind == place_.offset) return;
  forget();
  std::vector<LogEntry> given;  // before
  lineBegin_ = place_.behind;
  readLines(readAt(fd_, place_.behind, place_.offset - place_.behind), given);
}

void LogSpool::goBackTo(const SpoolPlace& place) {
  if (place == place_) return;
  place_ = place;
  fd_.reset();
  forget();
}

bool LogSpool::isReplaced() const {
  struct stat now {};
  return ::stat(path_.c_str(), &now) != 0 || now.st_ino != place_.inode;
}

bool LogSpool::take(std::uint64_t maxBytes, std::vector<LogEntry>& entries) {
  if (!fd_.valid()) open();
  if (!fd_.valid()) return false;
  struct stat info = statOf(fd_);
  auto size = static_cast<std::uint64_t>(info.st_size);
  // A file that another was renamed over has no name any more; of one that was renamed itself only its name
  // tells, which is asked now and then.
  constexpr unsigned kAskEvery = 16;
  if (size == place_.offset && (info.st_nlink == 0 || ++quiet_ % kAskEvery == 0) && isReplaced()) {
    // Its writer went on to the next file after its last byte here.
    info = statOf(fd_);
    size = static_cast<std::uint64_t>(info.st_size);
    base::Fd next = size == place_.offset ? openFile() : base::Fd();
    if (next.valid()) {
      fd_ = std::move(next);
      info = statOf(fd_);
      size = static_cast<std::uint64_t>(info.st_size);
      place_ = {.inode = info.st_ino, .offset = 0, .behind = 0};
      freed_ = place_;
      size_ = 0;
    }
  }
  if (size < place_.offset) {  // cut, by whoever
    place_ = {.inode = place_.inode, .offset = 0, .behind = 0};
    freed_ = place_;
    size_ = 0;
    forget();
  }
  if (size > size_) grown_ += size - size_;
  size_ = size;
  if (size == place_.offset) {
    if (hasPending() && !hasWriter(fd_)) {
      finish(entries);
      place_.behind = place_.offset;
    }
    return false;
  }
  const std::string bytes = readAt(fd_, place_.offset, std::min(size - place_.offset, maxBytes));
  const std::size_t end = bytes.rfind('\n');
  if (end == std::string::npos) {
    const bool isLong = bytes.size() == maxBytes || bytes.size() >= kLongestLine;
    if (isLong) place_.offset = place_.behind = place_.offset + bytes.size();
    return isLong && place_.offset < size;
  }
  lineBegin_ = place_.offset;
  readLines(std::string_view(bytes).substr(0, end + 1), entries);
  place_.offset += end + 1;
  place_.behind = firstPending(place_.offset);
  return place_.offset + (bytes.size() - end - 1) < size;
}

void LogSpool::readLines(std::string_view bytes, std::vector<LogEntry>& entries) {
  while (!bytes.empty()) {
    const std::size_t end = bytes.find('\n');
    if (end == std::string_view::npos) return;
    takeLine(bytes.substr(0, end), lineBegin_ + end + 1, entries);
    lineBegin_ += end + 1;
    bytes.remove_prefix(end + 1);
  }
}

void LogSpool::freeUpTo(const SpoolPlace& place) {
  if (!fd_.valid() || place.inode != place_.inode) return;
  const std::uint64_t end = place.behind / kFreeBlock * kFreeBlock;
  if (end <= freed_.offset) return;
  // Never the descriptor for reading: hasWriter() would see it.
  const base::Fd fd = openLog(path_, O_WRONLY);
  if (!fd.valid() || statOf(fd).st_ino != place.inode)
    return;  // replaced: the old one goes when it is closed
  // With another name it may be another's file, put there by who may write to the folder.
  if (statOf(fd).st_nlink != 1) return;
  if (::fallocate(fd.get(), FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, static_cast<off_t>(freed_.offset),
                  static_cast<off_t>(end - freed_.offset)) == 0) {
    freed_.offset = end;
    return;
  }
  // A file system without holes: the whole file, in the moment in which all of it was taken.
  if (place.behind == place_.offset && static_cast<std::uint64_t>(statOf(fd).st_size) == place_.offset &&
      ::ftruncate(fd.get(), 0) == 0)
    base::fsyncOrThrow(fd, "cutting a log");
}

bool LogSpool::isDone() const {
  if (!fd_.valid() || hasPending() || hasWriter(fd_)) return false;
  return !isReplaced() && static_cast<std::uint64_t>(statOf(fd_).st_size) == place_.offset;
}

void LogSpool::removeFile() {
  if (!isReplaced()) std::filesystem::remove(path_);
}

CriSpool::CriSpool(std::filesystem::path path, SpoolPlace from, Claim claim)
    : LogSpool(std::move(path), from, std::move(claim)) {
  const std::string stem = std::filesystem::path(name()).stem().string();
  const std::size_t mark = stem.find('~');
  process_ = stem.substr(0, mark);
  if (mark != std::string::npos) container_ = stem.substr(mark + 1);
}

void CriSpool::takeLine(std::string_view line, std::uint64_t, std::vector<LogEntry>& entries) {
  const auto parsed = parseCriLine(line);
  if (!parsed) return;
  auto found = partials_.find(parsed->stream);
  if (found == partials_.end() && !parsed->partial) return give(parsed->time, parsed->text, entries);
  if (found == partials_.end()) {
    constexpr std::size_t kMaxStreams = 4;  // conmon writes two
    if (partials_.size() >= kMaxStreams) return;
    found = partials_.emplace(std::string(parsed->stream), Partial{parsed->time, lineBegin(), ""}).first;
  }
  Partial& partial = found->second;
  partial.text += parsed->text;
  if (parsed->partial && partial.text.size() < kMaxLine) return;
  give(partial.time, partial.text, entries);
  partials_.erase(found);
}

void CriSpool::give(LogTime time, std::string_view text, std::vector<LogEntry>& entries) const {
  if (process_ != "fairlead") return entries.push_back(makeEntry(time, "app", process_, text));
  const std::size_t colon = std::min(text.find(": "), text.size());
  entries.push_back(
      makeEntry(time, "fairlead", text.substr(0, colon), text.substr(std::min(colon + 2, text.size()))));
}

std::uint64_t CriSpool::firstPending(std::uint64_t offset) const {
  for (const auto& [stream, partial] : partials_)
    offset = std::min(offset, partial.begin);
  return offset;
}

void CriSpool::finish(std::vector<LogEntry>& entries) {
  for (const auto& [stream, partial] : partials_)
    give(partial.time, partial.text, entries);
  partials_.clear();
}

}  // namespace runner::detail
