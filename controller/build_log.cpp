#include "controller/build_log.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>

#include "base/error.h"

namespace controller {
namespace {

constexpr std::size_t kReadBytes = 64u << 10;
constexpr std::string_view kFull =
    "\n !     The rest of this log was dropped: it is longer than the setting build_log_max_bytes allows\n";

}  // namespace

BuildLog::BuildLog(const std::filesystem::path& file, std::uint64_t maxBytes) : maxBytes_(maxBytes) {
  std::filesystem::create_directories(file.parent_path());
  fd_ = base::openFile(file, O_RDWR | O_CREAT | O_TRUNC | O_APPEND, 0600);
}

void BuildLog::hide(std::shared_ptr<const base::Secrets> secrets) {
  append(mask_.flush());
  secrets_ = std::move(secrets);
  mask_ = base::SecretMask(secrets_);
}

std::string BuildLog::masked(std::string_view text) const {
  return base::SecretMask::apply(secrets_, text);
}

void BuildLog::write(std::string_view bytes) {
  if (secrets_)
    append(mask_.feed(bytes));
  else
    append(bytes);
}

void BuildLog::append(std::string_view bytes) {
  // One writer, so the file is appended to without the lock; the size is published afterwards.
  if (full_ || bytes.empty()) return;
  std::string cut;
  if (size_ + bytes.size() > maxBytes_) {
    cut = std::string(bytes.substr(0, maxBytes_ - size_)) + std::string(kFull);
    bytes = cut;
    full_ = true;
  }
  base::writeAll(fd_, bytes);
  {
    const std::lock_guard lock(mutex_);
    size_ += bytes.size();
  }
  changed_.notify_all();
}

void BuildLog::close() {
  {
    const std::lock_guard lock(mutex_);
    closed_ = true;
  }
  changed_.notify_all();
}

std::string BuildLog::read(std::uint64_t offset) const {
  {
    const std::lock_guard lock(mutex_);
    if (offset >= size_) return {};
  }
  std::string buffer(kReadBytes, '\0');
  const ssize_t got = ::pread(fd_.get(), buffer.data(), buffer.size(), static_cast<off_t>(offset));
  if (got < 0) base::throwErrno(errno, "reading the build's log");
  buffer.resize(static_cast<std::size_t>(got));
  return buffer;
}

std::uint64_t BuildLog::size() const {
  const std::lock_guard lock(mutex_);
  return size_;
}

bool BuildLog::waitFor(std::uint64_t offset, std::chrono::milliseconds timeout, std::stop_token stop) {
  std::unique_lock lock(mutex_);
  changed_.wait_for(lock, stop, timeout, [&] { return size_ > offset || closed_; });
  return size_ > offset || !closed_;
}

}  // namespace controller
