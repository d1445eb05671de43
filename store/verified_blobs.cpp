#include "store/verified_blobs.h"

#include <sys/stat.h>

#include <cerrno>
#include <charconv>
#include <string>
#include <utility>

#include "base/error.h"

namespace store {
namespace {

constexpr std::size_t kMaxYoung = 32'768;
constexpr std::chrono::milliseconds kSettled{100};  // far more than the tick of a file system's clock

std::int64_t nanoseconds(const timespec& time) {
  return std::int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec;
}

FileStamp stampOf(const struct stat& status) {
  return {.device = status.st_dev,
          .inode = status.st_ino,
          .sizeBytes = static_cast<std::uint64_t>(status.st_size),
          .modifiedNs = nanoseconds(status.st_mtim),
          .changedNs = nanoseconds(status.st_ctim)};
}

/// Enough of a digest to tell two of the same inode apart.
std::uint64_t wordOf(const Digest& digest) {
  const std::string& text = digest.str();
  std::uint64_t word = 0;
  std::from_chars(text.data() + text.size() - 16, text.data() + text.size(), word, 16);
  return word;
}

}  // namespace

FileStamp FileStamp::of(const base::Fd& fd) {
  struct stat status {};
  if (::fstat(fd.get(), &status) != 0) base::throwErrno(errno, "looking at a blob");
  return stampOf(status);
}

std::optional<FileStamp> FileStamp::of(const std::filesystem::path& file) {
  struct stat status {};
  if (::stat(file.c_str(), &status) == 0) return stampOf(status);
  if (errno != ENOENT) base::throwErrno(errno, "looking up a blob");
  return std::nullopt;
}

bool VerifiedBlobs::contains(const Digest& digest, const FileStamp& stamp) {
  const std::lock_guard lock(mutex_);
  for (Entries* entries : {&young_, &old_}) {
    const auto found = entries->find(stamp.inode);
    if (found == entries->end()) continue;
    const Entry& entry = found->second;
    const bool known = entry.stamp == stamp && entry.digestWord == wordOf(digest) &&
                       std::chrono::steady_clock::now() - entry.at < maxAge_;
    if (known) return true;
    entries->erase(found);
  }
  return false;
}

void VerifiedBlobs::add(const Digest& digest, const FileStamp& stamp) {
  timespec now{};
  ::clock_gettime(CLOCK_REALTIME, &now);
  if (nanoseconds(now) - stamp.changedNs < std::chrono::nanoseconds(kSettled).count()) return;
  const std::lock_guard lock(mutex_);
  if (young_.size() >= kMaxYoung) {
    old_ = std::move(young_);
    young_ = {};
  }
  young_[stamp.inode] = {stamp, wordOf(digest), std::chrono::steady_clock::now()};
}

void VerifiedBlobs::forget(const FileStamp& stamp) {
  const std::lock_guard lock(mutex_);
  young_.erase(stamp.inode);
  old_.erase(stamp.inode);
}

void VerifiedBlobs::setMaxAge(std::chrono::seconds maxAge) {
  const std::lock_guard lock(mutex_);
  maxAge_ = maxAge;
}

VerifiedBlobs::Turn VerifiedBlobs::tryTurnToSend(const Digest& digest) {
  std::string key = "send " + digest.str();
  const std::lock_guard lock(mutex_);
  if (!turns_.insert(key).second) return {};
  return {*this, std::move(key)};
}

VerifiedBlobs::Turn VerifiedBlobs::waitForTurnToCheck(const Digest& digest) {
  std::string key = "check " + digest.str();
  std::unique_lock lock(mutex_);
  turnOver_.wait(lock, [&] { return !turns_.contains(key); });  // who has it only reads a file
  turns_.insert(key);
  return {*this, std::move(key)};
}

VerifiedBlobs::Turn& VerifiedBlobs::Turn::operator=(Turn&& other) noexcept {
  std::swap(owner_, other.owner_);
  std::swap(key_, other.key_);
  return *this;
}

VerifiedBlobs::Turn::~Turn() {
  if (owner_ == nullptr) return;
  {
    const std::lock_guard lock(owner_->mutex_);
    owner_->turns_.erase(key_);
  }
  owner_->turnOver_.notify_all();
}

}  // namespace store
