// Which files of blobs have the content that their names say.
#pragma once

#include <chrono>
#include <compare>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <utility>

#include "base/digest.h"
#include "base/fd.h"

namespace store {

using base::Digest;

/// What tells one state of a file from another. A value.
struct FileStamp {
  std::uint64_t device = 0;
  std::uint64_t inode = 0;
  std::uint64_t sizeBytes = 0;
  std::int64_t modifiedNs = 0;
  std::int64_t changedNs = 0;

  bool operator==(const FileStamp&) const = default;
  bool isSameFile(const FileStamp& other) const noexcept {
    return device == other.device && inode == other.inode;
  }
  /// The bytes, as far as the file system says: a name more or less leaves them as they were.
  bool hasSameContent(const FileStamp& other) const noexcept {
    return isSameFile(other) && sizeBytes == other.sizeBytes && modifiedNs == other.modifiedNs;
  }

  static FileStamp of(const base::Fd& fd);
  /// nullopt when there is none.
  static std::optional<FileStamp> of(const std::filesystem::path& file);
};

/// Files that were read to the end and found right, by digest and stamp, for `maxAge`: a file that was
/// touched, and one whose time is over, counts as new. In memory, so after a start all do. Bounded: beyond
/// about 65,000 files the oldest are forgotten, which costs reading them again. Thread-safe.
class VerifiedBlobs {
 public:
  bool contains(const Digest& digest, const FileStamp& stamp);
  /// One that changed a moment ago is not taken: it could change again with the same stamp.
  void add(const Digest& digest, const FileStamp& stamp);
  /// It counts as new.
  void forget(const FileStamp& stamp);
  void setMaxAge(std::chrono::seconds maxAge);

  /// Somebody's right to be the one who reads a blob; given back when it goes.
  class Turn {
   public:
    Turn() = default;
    Turn(VerifiedBlobs& owner, std::string key) : owner_(&owner), key_(std::move(key)) {}
    Turn(Turn&& other) noexcept : owner_(std::exchange(other.owner_, nullptr)), key_(std::move(other.key_)) {}
    Turn& operator=(Turn&& other) noexcept;
    ~Turn();
    explicit operator bool() const noexcept { return owner_ != nullptr; }

   private:
    VerifiedBlobs* owner_ = nullptr;
    std::string key_;
  };
  /// For who reads at the pace of a client: empty when another does.
  Turn tryTurnToSend(const Digest& digest);
  /// For who reads at the pace of the disk: waits for another who does.
  Turn waitForTurnToCheck(const Digest& digest);

 private:
  struct Entry {
    FileStamp stamp;
    std::uint64_t digestWord = 0;
    std::chrono::steady_clock::time_point at;
  };
  using Entries = std::unordered_map<std::uint64_t, Entry>;  // by inode

  std::mutex mutex_;
  std::condition_variable turnOver_;
  Entries young_;  // when it is full it becomes the old one, and the old one is forgotten
  Entries old_;
  std::set<std::string> turns_;
  std::chrono::seconds maxAge_ = std::chrono::hours(24);
};

}  // namespace store
