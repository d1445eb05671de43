#include "store/detail/blob_folder.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "base/archive.h"
#include "base/atomic_file.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/json.h"
#include "base/log.h"

namespace store::detail {
namespace {

namespace fs = std::filesystem;
using base::Errc;
using base::Error;

constexpr unsigned kFileMode = 0644;
constexpr std::size_t kReadBytes = 256u << 10;
constexpr std::uint64_t kMaxJournalBytes = 1u << 20;
constexpr const char* kOtherContent = "its content has another digest";
constexpr const char* kUnreadable = "it cannot be read";

void makeFolder(const fs::path& path) {
  // Also when it is there: who made it may have been killed before this line.
  if (::mkdir(path.c_str(), 0755) != 0 && errno != EEXIST) base::throwErrno(errno, "making a blob folder");
  base::fsyncFolder(path.parent_path());
}

/// nullptr when the content is the digest's, else what is wrong with it.
const char* findingOf(const Digest& digest, const base::Fd& fd, const BlobFolder::Passed& passed) {
  base::Hasher hash(digest.algorithm());
  std::vector<char> buffer(kReadBytes);
  off_t offset = 0;
  while (true) {
    const ssize_t count = ::pread(fd.get(), buffer.data(), buffer.size(), offset);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return kUnreadable;
    if (count == 0) return hash.finish() == digest ? nullptr : kOtherContent;
    hash.update({buffer.data(), static_cast<std::size_t>(count)});
    offset += count;
    if (passed) passed(static_cast<std::size_t>(count));
  }
}

}  // namespace

BlobFolder::BlobFolder(fs::path root) : root_(std::move(root)) {}

fs::path BlobFolder::path(const Digest& digest) const {
  const std::string hex = digest.hex();
  return root_ / base::name(digest.algorithm()) / hex.substr(0, 2) / hex;
}

base::Fd BlobFolder::open(const Digest& digest) const {
  base::Fd fd(::open(path(digest).c_str(), O_RDONLY | O_CLOEXEC));
  if (fd.valid()) return fd;
  if (errno == ENOENT) throw Error(Errc::notFound, "There is no blob " + digest.str());
  base::throwErrno(errno, "opening a blob");
}

/// The digest's folder, which exists and is durable.
fs::path BlobFolder::shelfOf(const Digest& digest) {
  const std::string name = digest.hex().substr(0, 2);
  const fs::path algorithm = root_ / base::name(digest.algorithm());
  const fs::path shelf = algorithm / name;
  const auto number = static_cast<std::size_t>(digest.algorithm());
  std::atomic<bool>& durable = durableShelves_.at(number).at(std::stoul(name, nullptr, 16));
  if (!durable) {
    if (!durableAlgorithms_.at(number)) makeFolder(algorithm);
    durableAlgorithms_.at(number) = true;
    makeFolder(shelf);
    durable = true;
  }
  return shelf;
}

void BlobFolder::place(const fs::path& file, const base::Fd& fd, const Digest& digest) {
  const auto begin = std::chrono::steady_clock::now();
  const fs::path shelf = shelfOf(digest);
  // The mode must not depend on the umask: another user's process may serve or unpack the file.
  if (::fchmod(fd.get(), kFileMode) != 0) base::throwErrno(errno, "storing a blob");
  base::fsyncOrThrow(fd, "storing a blob");
  {
    const std::shared_lock lock(names_);
    if (::rename(file.c_str(), (shelf / digest.hex()).c_str()) != 0)
      base::throwErrno(errno, "storing a blob");
  }
  base::fsyncFolder(shelf);
  if (sync_ != nullptr)
    sync_->observe(std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count());
}

void BlobFolder::syncNameOf(const Digest& digest) {
  base::fsyncFolder(shelfOf(digest));
}

bool BlobFolder::isRight(const Digest& digest, const base::Fd& fd) {
  if (verified.contains(digest, FileStamp::of(fd))) return true;
  const auto turn = verified.waitForTurnToCheck(digest);
  const FileStamp stamp = FileStamp::of(fd);
  if (verified.contains(digest, stamp)) return true;
  return conclude(digest, fd, stamp, findingOf(digest, fd, {}));
}

bool BlobFolder::isRightOnDisk(const Digest& digest, const base::Fd& fd, const Passed& passed) {
  const FileStamp stamp = FileStamp::of(fd);
  verified.forget(stamp);
  ::posix_fadvise(fd.get(), 0, 0, POSIX_FADV_DONTNEED);
  const char* finding = findingOf(digest, fd, [&](std::size_t bytes) {
    ::posix_fadvise(fd.get(), 0, 0, POSIX_FADV_DONTNEED);
    if (passed) passed(bytes);
  });
  return conclude(digest, fd, stamp, finding);
}

bool BlobFolder::conclude(const Digest& digest, const base::Fd& fd, const FileStamp& stamp,
                          const char* finding) {
  if (read_ != nullptr) read_->add(stamp.sizeBytes);
  if (finding != nullptr) {
    quarantine(digest, stamp, finding);
    return false;
  }
  if (FileStamp::of(fd) == stamp) verified.add(digest, stamp);
  return true;
}

void BlobFolder::requireRight(const Digest& digest, const base::Fd& fd) {
  if (!isRight(digest, fd)) throwDamaged(digest);
}

void BlobFolder::throwDamaged(const Digest& digest) {
  throw Error(Errc::notFound,
              "The blob " + digest.str() + " was damaged and has been set aside: push or build it again");
}

void BlobFolder::quarantine(const Digest& digest, const FileStamp& bad, std::string_view finding) {
  const fs::path folder = root_ / "quarantine";
  const fs::path from = path(digest);
  makeFolder(folder);
  {
    const std::unique_lock lock(names_);
    const auto now = FileStamp::of(from);
    if (!now || !now->isSameFile(bad)) return;  // another has done it, or stored the blob again
    const fs::path to = folder / (std::string(base::name(digest.algorithm())) + "-" + digest.hex());
    if (::rename(from.c_str(), to.c_str()) != 0) base::throwErrno(errno, "setting a damaged blob aside");
  }
  base::fsyncFolder(folder);
  base::fsyncFolder(from.parent_path());
  note(digest, finding);
  if (quarantined_ != nullptr) quarantined_->add();
}

/// The journal is for people to read: a full disk must not keep a bad blob in its place.
void BlobFolder::note(const Digest& digest, std::string_view finding) const {
  base::Log("blobs").error("damaged blob quarantined", {{"digest", digest.str()}, {"finding", finding}});
  const fs::path journal = root_ / "quarantine/journal";
  const auto stamp = FileStamp::of(journal);
  if (stamp && stamp->sizeBytes > kMaxJournalBytes)
    ::rename(journal.c_str(), (root_ / "quarantine/journal.old").c_str());
  const base::Fd fd(::open(journal.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, kFileMode));
  const std::string line = "{\"time\":\"" + base::toRfc3339(base::SystemClock().now()) + "\",\"digest\":\"" +
                           digest.str() + "\",\"finding\":" + base::jsonQuote(finding) + "}\n";
  if (fd.valid() && ::write(fd.get(), line.data(), line.size()) > 0) ::fsync(fd.get());
}

void BlobFolder::countIn(base::Metrics& metrics) {
  read_ = &metrics.counter({"fairlead_blob_verified_bytes_total",
                            "Bytes of blobs that were read to see whether they are right.",
                            {}});
  sync_ = &metrics.histogram(
      {"fairlead_blob_sync_seconds", "Time to make a blob's bytes and its name durable.", {}});
  quarantined_ = &metrics.counter(
      {"fairlead_blobs_quarantined_total", "Blobs that were damaged and have been set aside.", {}});
}

}  // namespace store::detail
