#include "store/blob_store.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <string>
#include <utility>

#include "base/archive.h"
#include "base/atomic_file.h"
#include "base/error.h"

namespace store {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kBufferBytes = 1u << 20;
constexpr unsigned kFileMode = 0644;
constexpr std::size_t kShelves = 256;

std::string_view hexOf(const Digest& digest) {
  const std::string_view text = digest.str();
  return text.substr(text.find(':') + 1);
}

}  // namespace

/// The folders ALGORITHM/00 ... ALGORITHM/ff, made when they are first used. Thread-safe.
class DiskBlobStore::Shelves {
 public:
  explicit Shelves(fs::path folder) : folder_(std::move(folder)) {}

  /// The digest's folder, which exists and is durable.
  fs::path of(const Digest& digest) {
    const std::string name(hexOf(digest).substr(0, 2));
    const fs::path algorithm = folder_ / base::name(digest.algorithm());
    const fs::path shelf = algorithm / name;
    auto& shelves = durable_.at(static_cast<std::size_t>(digest.algorithm()));
    std::atomic<bool>& durable = shelves.at(std::stoul(name, nullptr, 16));
    if (!durable) {
      makeFolder(algorithm);
      makeFolder(shelf);
      durable = true;
    }
    return shelf;
  }

 private:
  static void makeFolder(const fs::path& path) {
    // Also when it is there: who made it may have been killed before this line.
    if (::mkdir(path.c_str(), 0755) != 0 && errno != EEXIST) base::throwErrno(errno, "making a blob folder");
    base::fsyncFolder(path.parent_path());
  }

  fs::path folder_;
  std::array<std::array<std::atomic<bool>, kShelves>, 2> durable_{};
};

/// A file in uploads/ that is renamed to its digest.
class DiskBlobStore::Writer : public BlobWriter {
 public:
  Writer(const fs::path& uploads, std::shared_ptr<Shelves> shelves, std::shared_ptr<BlobLeases> leases)
      : shelves_(std::move(shelves)), leases_(std::move(leases)), temporary_(uploads / base::randomHex(16)) {
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
    leases_->renew(digest);
    const fs::path shelf = shelves_->of(digest);
    const fs::path target = shelf / hexOf(digest);
    std::error_code none;
    const auto presentBytes = fs::file_size(target, none);
    // One of another length can only be damage, which this rename repairs.
    if (!none && presentBytes == sizeBytes_) {
      abandon();
    } else {
      // The mode must not depend on the umask: another user's process may serve or unpack the file.
      if (::fchmod(fd_.get(), kFileMode) != 0) base::throwErrno(errno, "storing a blob");
      base::fsyncOrThrow(fd_, "storing a blob");
      if (::rename(temporary_.c_str(), target.c_str()) != 0) base::throwErrno(errno, "storing a blob");
      temporary_.clear();
      fd_.reset();
    }
    // Also for one that was here: its writer may not have come to this line yet.
    base::fsyncFolder(shelf);
  }

  void abandon() noexcept {
    fd_.reset();
    if (temporary_.empty()) return;
    ::unlink(temporary_.c_str());
    temporary_.clear();
  }

  std::shared_ptr<Shelves> shelves_;
  std::shared_ptr<BlobLeases> leases_;
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

DiskBlobStore::DiskBlobStore(fs::path folder) : folder_(std::move(folder)) {
  try {
    fs::create_directories(folder_);
    base::removeTree(folder_ / "uploads");
    fs::create_directory(folder_ / "uploads");
    if (fs::create_directory(folder_ / "sha256")) base::fsyncFolder(folder_);
  } catch (const fs::filesystem_error& error) {
    base::throwErrno(error.code().value(), "opening the blob folder");
  }
  shelves_ = std::make_shared<Shelves>(folder_);
  leases_ = std::make_shared<BlobLeases>(std::chrono::minutes(15));
}

std::unique_ptr<BlobWriter> DiskBlobStore::create() {
  return std::make_unique<Writer>(folder_ / "uploads", shelves_, leases_);
}

std::optional<std::uint64_t> DiskBlobStore::size(const Digest& digest) const {
  leases_->renew(digest);  // before looking: what is found now is not collected
  struct stat status {};
  if (::stat(path(digest).c_str(), &status) != 0) {
    if (errno == ENOENT) return std::nullopt;
    base::throwErrno(errno, "looking up a blob");
  }
  return static_cast<std::uint64_t>(status.st_size);
}

std::unique_ptr<base::ByteSource> DiskBlobStore::open(const Digest& digest) const {
  base::Fd fd(::open(path(digest).c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd.valid()) {
    if (errno == ENOENT) throw base::Error(base::Errc::notFound, "There is no blob " + digest.str());
    base::throwErrno(errno, "opening a blob");
  }
  return std::make_unique<base::FileSource>(std::move(fd));
}

void DiskBlobStore::remove(const Digest& digest) {
  if (::unlink(path(digest).c_str()) != 0 && errno != ENOENT) base::throwErrno(errno, "removing a blob");
}

fs::path DiskBlobStore::path(const Digest& digest) const {
  const std::string_view hex = hexOf(digest);
  return folder_ / base::name(digest.algorithm()) / hex.substr(0, 2) / hex;
}

std::uint64_t DiskBlobStore::bytesOnDisk(const Digest& digest) const {
  std::error_code none;
  const auto bytes = fs::file_size(path(digest), none);
  return none ? 0 : bytes;
}

void DiskBlobStore::forEach(const std::function<void(const Digest&)>& tell) const {
  for (const auto algorithm : {base::DigestAlgorithm::sha256, base::DigestAlgorithm::sha512}) {
    std::error_code none;
    for (fs::recursive_directory_iterator entry(folder_ / base::name(algorithm), none), end;
         !none && entry != end; entry.increment(none)) {
      const auto digest =
          Digest::tryParse(std::string(base::name(algorithm)) + ":" + entry->path().filename().string());
      if (digest) tell(*digest);
    }
  }
}

void DiskBlobStore::adopt(const fs::path& file, const base::Fd& fd, const Digest& digest) {
  leases_->renew(digest);
  const fs::path shelf = shelves_->of(digest);
  if (::fchmod(fd.get(), kFileMode) != 0) base::throwErrno(errno, "storing a blob");
  base::fsyncOrThrow(fd, "storing a blob");
  if (::rename(file.c_str(), (shelf / hexOf(digest)).c_str()) != 0) base::throwErrno(errno, "storing a blob");
  base::fsyncFolder(shelf);
}

}  // namespace store
