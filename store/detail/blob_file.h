// Reading blobs that may not be right.
#pragma once

#include <memory>
#include <optional>

#include "base/byte_sink.h"
#include "base/served_file.h"
#include "store/detail/blob_folder.h"

namespace store::detail {

/// A blob on its way to a client. One that was not verified yet is hashed while it is sent, by the first who
/// sends it whole; others who send it meanwhile, or a part of it, have it checked before they end. One that
/// was is sent by the kernel, and must not have been written to when that ends. What is wrong is quarantined
/// and throws notFound.
class BlobFile : public base::ServedFile {
 public:
  /// Throws notFound, also for a file of another size than `sizeBytes`.
  BlobFile(std::shared_ptr<BlobFolder> folder, Digest digest, std::uint64_t sizeBytes);

  const base::Fd& fd() const override { return fd_; }
  std::uint64_t sizeBytes() const override { return stamp_.sizeBytes; }
  bool wantsToSee() override;
  void read(char* buffer, std::size_t count, std::uint64_t offset) override;
  void allowEnd() override;

 private:
  [[noreturn]] void refuse(std::string_view finding);

  std::shared_ptr<BlobFolder> folder_;
  Digest digest_;
  base::Fd fd_;
  FileStamp stamp_;
  bool verified_ = false;
  VerifiedBlobs::Turn turn_;
  std::optional<base::Hasher> hash_;  // of what was read, for who has the turn
};

/// A blob from start to end: its last bytes are given only when all of it was right, however often it was
/// verified before; else it is quarantined, and read() throws notFound.
class BlobSource : public base::ByteSource {
 public:
  BlobSource(std::shared_ptr<BlobFolder> folder, Digest digest);
  std::size_t read(char* buffer, std::size_t capacity) override;

 private:
  std::shared_ptr<BlobFolder> folder_;
  Digest digest_;
  base::Fd fd_;
  FileStamp stamp_;
  base::Hasher hash_;
  std::uint64_t at_ = 0;
  bool ended_ = false;
};

}  // namespace store::detail
