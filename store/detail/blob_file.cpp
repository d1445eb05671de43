#include "store/detail/blob_file.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "base/error.h"
#include "base/log.h"

namespace store::detail {
namespace {

/// As pread, EINTR retried; less than nothing when it cannot be read.
ssize_t readAt(const base::Fd& fd, char* buffer, std::size_t count, std::uint64_t offset) {
  while (true) {
    const ssize_t got = ::pread(fd.get(), buffer, count, static_cast<off_t>(offset));
    if (got >= 0 || errno != EINTR) return got;
  }
}

constexpr const char* kOtherContent = "its content has another digest";

const char* findingOf(ssize_t got) {
  return got < 0 ? "it cannot be read" : "it became shorter";
}

}  // namespace

BlobFile::BlobFile(std::shared_ptr<BlobFolder> folder, Digest digest, std::uint64_t sizeBytes)
    : folder_(std::move(folder)),
      digest_(std::move(digest)),
      fd_(folder_->open(digest_)),
      stamp_(FileStamp::of(fd_)),
      verified_(folder_->verified.contains(digest_, stamp_)) {
  if (stamp_.sizeBytes == sizeBytes) return;
  folder_->requireRight(digest_, fd_);
  base::Log("blobs").error("a row gives a blob another size than it has",
                           {{"digest", digest_.str()}, {"row", sizeBytes}, {"file", stamp_.sizeBytes}});
  throw base::Error(base::Errc::notFound, "The blob " + digest_.str() + " has another size: push it again");
}

bool BlobFile::wantsToSee() {
  if (verified_) return false;
  turn_ = folder_->verified.tryTurnToSend(digest_);
  if (turn_) hash_.emplace(digest_.algorithm());
  return static_cast<bool>(turn_);
}

void BlobFile::read(char* buffer, std::size_t count, std::uint64_t offset) {
  while (count > 0) {
    const ssize_t got = readAt(fd_, buffer, count, offset);
    if (got <= 0) refuse(findingOf(got));
    if (hash_) hash_->update({buffer, static_cast<std::size_t>(got)});
    buffer += got;
    count -= static_cast<std::size_t>(got);
    offset += static_cast<std::uint64_t>(got);
  }
}

void BlobFile::allowEnd() {
  const FileStamp now = FileStamp::of(fd_);
  if (hash_) {
    base::Hasher hash = *std::exchange(hash_, std::nullopt);
    if (hash.finish() != digest_) refuse(kOtherContent);
    if (now == stamp_) folder_->verified.add(digest_, now);
  } else if (!verified_) {
    folder_->requireRight(digest_, fd_);
    // What went past us was read before it was checked.
    if (!FileStamp::of(fd_).hasSameContent(stamp_)) refuse("it was written to");
  } else if (!now.hasSameContent(stamp_)) {
    folder_->requireRight(digest_, fd_);
    throw base::Error(base::Errc::io, "A blob was written to while it was sent");
  }
}

void BlobFile::refuse(std::string_view finding) {
  folder_->quarantine(digest_, stamp_, finding);
  BlobFolder::throwDamaged(digest_);
}

BlobSource::BlobSource(std::shared_ptr<BlobFolder> folder, Digest digest)
    : folder_(std::move(folder)),
      digest_(std::move(digest)),
      fd_(folder_->open(digest_)),
      stamp_(FileStamp::of(fd_)),
      hash_(digest_.algorithm()) {}

std::size_t BlobSource::read(char* buffer, std::size_t capacity) {
  if (ended_) return 0;
  const auto wanted = static_cast<std::size_t>(std::min<std::uint64_t>(capacity, stamp_.sizeBytes - at_));
  const ssize_t got = readAt(fd_, buffer, wanted, at_);
  if (got < 0 || (got == 0 && wanted > 0)) {
    folder_->quarantine(digest_, stamp_, findingOf(got));
    BlobFolder::throwDamaged(digest_);
  }
  const auto count = static_cast<std::size_t>(got);
  hash_.update({buffer, count});
  at_ += count;
  if (at_ < stamp_.sizeBytes) return count;
  ended_ = true;
  if (hash_.finish() != digest_) {
    folder_->quarantine(digest_, stamp_, kOtherContent);
    BlobFolder::throwDamaged(digest_);
  }
  if (FileStamp::of(fd_) == stamp_) folder_->verified.add(digest_, stamp_);
  return count;
}

}  // namespace store::detail
