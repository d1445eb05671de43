// The files of a blob store: where they lie, which are right, and what becomes of those that are not.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <shared_mutex>
#include <string_view>

#include "base/digest.h"
#include "base/fd.h"
#include "base/metrics.h"
#include "store/blob_leases.h"
#include "store/verified_blobs.h"

namespace store::detail {

/// `root`/ALGORITHM/ab/HEX, and `root`/quarantine for files whose content is not what their names say. Shared
/// by a store, its writers and its readers, which may outlive the store. Thread-safe.
class BlobFolder {
 public:
  using Passed = std::function<void(std::size_t bytes)>;

  explicit BlobFolder(std::filesystem::path root);

  const std::filesystem::path& root() const noexcept { return root_; }
  std::filesystem::path path(const Digest& digest) const;
  /// For reading; throws notFound.
  base::Fd open(const Digest& digest) const;

  /// Gives `file`, whose bytes were just hashed and which `fd` is open for, the digest's name: synced,
  /// renamed over what has it, durable when it returns.
  void place(const std::filesystem::path& file, const base::Fd& fd, const Digest& digest);
  /// The digest's folder is durable, and so is the name in it.
  void syncNameOf(const Digest& digest);

  /// Whether the file's content is the digest's: known already, or read now, by one thread at a time for each
  /// digest. One that is wrong, or cannot be read, is quarantined.
  bool isRight(const Digest& digest, const base::Fd& fd);
  /// The same for who is in no hurry: reads it from the disk whatever was known, leaves nothing of it in the
  /// page cache, and keeps nobody waiting. `passed` is told each piece's length, and may throw to end it.
  bool isRightOnDisk(const Digest& digest, const base::Fd& fd, const Passed& passed);
  /// As isRight, and throws notFound.
  void requireRight(const Digest& digest, const base::Fd& fd);

  /// Moves the file away if it still has the digest's name, so that the digest counts as absent and can be
  /// stored again; one line in quarantine/journal and in the log tells it. `finding` is one phrase.
  void quarantine(const Digest& digest, const FileStamp& bad, std::string_view finding);
  /// What a client is told of a blob that was quarantined under its request.
  [[noreturn]] static void throwDamaged(const Digest& digest);

  /// Before the first use.
  void countIn(base::Metrics& metrics);

  VerifiedBlobs verified;
  BlobLeases leases{std::chrono::minutes(15)};

 private:
  std::filesystem::path shelfOf(const Digest& digest);
  bool conclude(const Digest& digest, const base::Fd& fd, const FileStamp& stamp, const char* finding);
  void note(const Digest& digest, std::string_view finding) const;

  const std::filesystem::path root_;
  std::array<std::atomic<bool>, 2> durableAlgorithms_{};
  std::array<std::array<std::atomic<bool>, 256>, 2> durableShelves_{};
  std::shared_mutex names_;  // shared: a file gets a digest's name; alone: one loses it for being wrong
  base::Counter* read_ = nullptr;
  base::Counter* quarantined_ = nullptr;
  base::Histogram* sync_ = nullptr;
};

}  // namespace store::detail
