#include "store/blob_store.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <string>
#include <utility>

#include "base/archive.h"
#include "base/atomic_file.h"
#include "base/error.h"
#include "store/detail/blob_file.h"
#include "store/detail/blob_folder.h"

namespace store {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kBufferBytes = 1u << 20;
constexpr unsigned kFileMode = 0644;

/// Invalid when there is no such file.
base::Fd openIfThere(const fs::path& file) {
  base::Fd fd(::open(file.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd.valid() && errno != ENOENT) base::throwErrno(errno, "opening a blob");
  return fd;
}

}  // namespace

/// A file in uploads/ that is renamed to its digest.
class DiskBlobStore::Writer : public BlobWriter {
 public:
  explicit Writer(std::shared_ptr<detail::BlobFolder> folder)
      : folder_(std::move(folder)), temporary_(folder_->root() / "uploads" / base::randomHex(16)) {
    fd_ = base::openFile(temporary_, O_WRONLY | O_CREAT | O_EXCL, kFileMode);
    buffer_.reserve(kBufferBytes);
  }
  ~Writer() override { abandon(); }
  Writer(const Writer&) = delete;
  Writer& operator=(const Writer&) = delete;

  void write(std::string_view bytes) override {
    sizeBytes_ += bytes.size();
    while (!bytes.empty()) {
      if (buffer_.empty() && bytes.size() >= kBufferBytes) {
        pass(bytes);
        return;
      }
      const std::size_t room = kBufferBytes - buffer_.size();
      buffer_.append(bytes.substr(0, room));
      bytes.remove_prefix(std::min(room, bytes.size()));
      if (buffer_.size() == kBufferBytes) flush();
    }
  }

  Committed commit(const std::optional<Digest>& expected) override {
    CHECK(fd_.valid());
    flush();
    const Digest digest = hash_.finish();
    if (expected && *expected != digest) {
      abandon();
      throw base::Error(base::Errc::invalidArgument,
                        "The content is " + digest.str() + ", not " + expected->str());
    }
    publish(digest);
    return {digest, sizeBytes_};
  }

  std::uint64_t sizeBytes() const override { return sizeBytes_; }

 private:
  void pass(std::string_view bytes) {
    hash_.update(bytes);
    base::writeAll(fd_, bytes);
  }

  void flush() {
    if (buffer_.empty()) return;
    pass(buffer_);
    buffer_.clear();
  }

  void publish(const Digest& digest) {
    folder_->leases.renew(digest);
    if (isHere(digest)) {
      abandon();
      folder_->syncNameOf(digest);  // its writer may not have come to this line yet
      return;
    }
    folder_->place(temporary_, fd_, digest);
    temporary_.clear();
    fd_.reset();
  }

  /// Of another length it can only be damaged. Reading it is less work than syncing another.
  bool isHere(const Digest& digest) const {
    const base::Fd present = openIfThere(folder_->path(digest));
    return present.valid() && FileStamp::of(present).sizeBytes == sizeBytes_ &&
           folder_->isRight(digest, present);
  }

  void abandon() noexcept {
    fd_.reset();
    if (temporary_.empty()) return;
    ::unlink(temporary_.c_str());
    temporary_.clear();
  }

  std::shared_ptr<detail::BlobFolder> folder_;
  fs::path temporary_;  // empty once renamed or removed
  base::Fd fd_;
  base::Sha256 hash_;
  std::string buffer_;
  std::uint64_t sizeBytes_ = 0;
};

BlobWriter::Committed putBlob(BlobStore& blobs, std::string_view bytes) {
  const auto writer = blobs.create();
  writer->write(bytes);
  return writer->commit();
}

DiskBlobStore::DiskBlobStore(fs::path folder) {
  try {
    fs::create_directories(folder);
    base::removeTree(folder / "uploads");
    fs::create_directory(folder / "uploads");
    if (fs::create_directory(folder / "sha256")) base::fsyncFolder(folder);
  } catch (const fs::filesystem_error& error) {
    base::throwErrno(error.code().value(), "opening the blob folder");
  }
  folder_ = std::make_shared<detail::BlobFolder>(std::move(folder));
}

DiskBlobStore::~DiskBlobStore() = default;

std::unique_ptr<BlobWriter> DiskBlobStore::create() {
  return std::make_unique<Writer>(folder_);
}

std::optional<std::uint64_t> DiskBlobStore::size(const Digest& digest) const {
  folder_->leases.renew(digest);  // before looking: what is found now is not collected
  const auto stamp = FileStamp::of(folder_->path(digest));
  return stamp ? std::optional(stamp->sizeBytes) : std::nullopt;
}

std::unique_ptr<base::ByteSource> DiskBlobStore::open(const Digest& digest) const {
  return std::make_unique<detail::BlobSource>(folder_, digest);
}

void DiskBlobStore::remove(const Digest& digest) {
  if (::unlink(path(digest).c_str()) != 0 && errno != ENOENT) base::throwErrno(errno, "removing a blob");
}

std::unique_ptr<base::ServedFile> DiskBlobStore::openToSend(const Digest& digest,
                                                            std::uint64_t sizeBytes) const {
  return std::make_unique<detail::BlobFile>(folder_, digest, sizeBytes);
}

bool DiskBlobStore::check(const Digest& digest) const {
  const base::Fd fd = openIfThere(path(digest));
  return fd.valid() && folder_->isRight(digest, fd);
}

bool DiskBlobStore::scrub(const Digest& digest, const std::function<void(std::size_t)>& passed) const {
  const base::Fd fd = openIfThere(path(digest));
  return fd.valid() && folder_->isRightOnDisk(digest, fd, passed);
}

VerifiedBlobs& DiskBlobStore::verified() const noexcept {
  return folder_->verified;
}

fs::path DiskBlobStore::path(const Digest& digest) const {
  return folder_->path(digest);
}

std::uint64_t DiskBlobStore::bytesOnDisk(const Digest& digest) const {
  std::error_code none;
  const auto bytes = fs::file_size(path(digest), none);
  return none ? 0 : bytes;
}

std::vector<Digest> DiskBlobStore::onShelf(unsigned shelf) const {
  const std::string algorithm(
      base::name(shelf < kShelves / 2 ? base::DigestAlgorithm::sha256 : base::DigestAlgorithm::sha512));
  const char number = static_cast<char>(shelf % (kShelves / 2));
  std::vector<Digest> found;
  std::error_code none;
  for (fs::directory_iterator entry(folder_->root() / algorithm / base::toHex({&number, 1}), none), end;
       !none && entry != end; entry.increment(none)) {
    if (const auto digest = Digest::tryParse(algorithm + ":" + entry->path().filename().string()))
      found.push_back(*digest);
  }
  return found;
}

void DiskBlobStore::forEach(const std::function<void(const Digest&)>& tell) const {
  for (unsigned shelf = 0; shelf < kShelves; ++shelf) {
    for (const Digest& digest : onShelf(shelf))
      tell(digest);
  }
}

BlobLeases& DiskBlobStore::leases() const noexcept {
  return folder_->leases;
}

void DiskBlobStore::adopt(const fs::path& file, const base::Fd& fd, const Digest& digest) {
  folder_->leases.renew(digest);
  folder_->place(file, fd, digest);
}

std::uint64_t DiskBlobStore::freeBytes() const {
  struct statvfs found {};
  if (::statvfs(folder_->root().c_str(), &found) != 0) base::throwErrno(errno, "looking at the disk");
  return std::uint64_t{found.f_bavail} * found.f_frsize;
}

void DiskBlobStore::countIn(base::Metrics& metrics) {
  folder_->countIn(metrics);
}

}  // namespace store
