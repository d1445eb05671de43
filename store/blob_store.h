// Content by digest.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "base/byte_sink.h"
#include "base/digest.h"
#include "base/fd.h"
#include "base/served_file.h"
#include "store/blob_leases.h"
#include "store/verified_blobs.h"

namespace base {
class Metrics;
}
namespace store::detail {
class BlobFolder;
}

namespace store {

using base::Digest;

/// A blob being written. Bytes are hashed as they come; commit() gives the final name. Abandoned without
/// commit(). One thread at a time.
class BlobWriter : public base::ByteSink {
 public:
  struct Committed {
    Digest digest;
    std::uint64_t sizeBytes;
  };
  /// Durable when it returns (file and folder synced). With `expected`, other content throws invalidArgument
  /// and nothing is stored. An existing blob is kept.
  virtual Committed commit(const std::optional<Digest>& expected = std::nullopt) = 0;
  virtual std::uint64_t sizeBytes() const = 0;
};

/// Thread-safe. Blobs are immutable. (DESIGN: blobs are files named by digest, written aside, synced,
/// renamed.)
class BlobStore {
 public:
  virtual ~BlobStore() = default;
  virtual std::unique_ptr<BlobWriter> create() = 0;
  /// Size, or nullopt when it is not here. What is here stays for a while, whether something names it or not.
  virtual std::optional<std::uint64_t> size(const Digest& digest) const = 0;
  /// For reading from the start; throws notFound. What turns out to be damaged on the way throws notFound,
  /// too, before its last bytes are given.
  virtual std::unique_ptr<base::ByteSource> open(const Digest& digest) const = 0;
  virtual void remove(const Digest& digest) = 0;
};

/// create, write, commit.
BlobWriter::Committed putBlob(BlobStore& blobs, std::string_view bytes);

/// Files below `folder`: sha256/ab/<64 hex>, and sha512 likewise; writes go to folder/uploads, which is
/// emptied at start. A file is not believed to be what its name says until it was read to the end: by the
/// first who reads it after a start, after it was touched, and once a day. One that is wrong goes to
/// folder/quarantine, with a line in quarantine/journal and in the log; its digest counts as absent from then
/// on, so that storing it again heals what names it.
class DiskBlobStore : public BlobStore {
 public:
  explicit DiskBlobStore(std::filesystem::path folder);
  ~DiskBlobStore() override;
  std::unique_ptr<BlobWriter> create() override;
  std::optional<std::uint64_t> size(const Digest& digest) const override;
  std::unique_ptr<base::ByteSource> open(const Digest& digest) const override;
  void remove(const Digest& digest) override;
  /// To be sent to a client, who never gets a wrong one whole. Throws notFound, also when the file is of
  /// another size than `sizeBytes`.
  std::unique_ptr<base::ServedFile> openToSend(const Digest& digest, std::uint64_t sizeBytes) const;
  /// Whether it is here and right; reads it when that is not known. One that is wrong is quarantined.
  bool check(const Digest& digest) const;
  /// The same, reading from the disk whatever is known and without keeping a reader waiting. `passed` is told
  /// each piece's length, and may throw to end it.
  bool scrub(const Digest& digest, const std::function<void(std::size_t)>& passed) const;
  /// Whose content is known to be right.
  VerifiedBlobs& verified() const noexcept;
  /// The file's path; it may not exist.
  std::filesystem::path path(const Digest& digest) const;
  /// What is on the disk under that name, and takes a lease on nothing.
  std::uint64_t bytesOnDisk(const Digest& digest) const;
  /// Blobs lie on kShelves shelves; those of one, in no order.
  static constexpr unsigned kShelves = 512;
  std::vector<Digest> onShelf(unsigned shelf) const;
  /// Every blob there is, in no order; those that come or go meanwhile may be told or not.
  void forEach(const std::function<void(const Digest&)>& tell) const;
  /// What collection leaves alone. create() and adopt() renew, and so does size(): who learns that a blob is
  /// here may refer to it.
  BlobLeases& leases() const noexcept;
  /// Makes `file`, whose bytes the caller has just hashed, the blob: synced and renamed, durable when it
  /// returns. One that was here before is replaced, so that damage heals. `file` is on this file system; `fd`
  /// is open for it.
  void adopt(const std::filesystem::path& file, const base::Fd& fd, const Digest& digest);
  /// That the disk has left for us.
  std::uint64_t freeBytes() const;
  /// Before the first use.
  void countIn(base::Metrics& metrics);

 private:
  class Writer;
  std::shared_ptr<detail::BlobFolder>
      folder_;  // the store's, its writers' and its readers', which may outlive it
};

}  // namespace store
