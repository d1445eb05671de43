// Reads everything that is stored, to find what the disk has lost before somebody needs it.
#pragma once

#include <cstdint>
#include <functional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "store/blob_store.h"
#include "store/release_store.h"

namespace store {

/// Something that is not what it should be.
struct Damaged {
  enum class Kind { blob, manifest };
  Kind kind = Kind::blob;
  Digest digest;
  std::string finding;                    ///< one phrase
  std::vector<std::string> repositories;  ///< that hold it: at most 20
  std::vector<std::string> apps;          ///< whose slugs have it as a layer: at most 20
  std::vector<std::string> stacks;        ///< whose images have it as a layer
};

std::string_view name(Damaged::Kind kind) noexcept;

struct ScrubReport {
  std::uint64_t blobs = 0;
  std::uint64_t manifests = 0;
  std::uint64_t bytes = 0;
  std::vector<Damaged> damaged;  ///< at most kMaxDamaged
  static constexpr std::size_t kMaxDamaged = 1000;
};

struct ScrubOptions {
  std::uint64_t bytesPerS = 20u << 20;  ///< scrub_bytes_per_s
  unsigned firstShelf = 0;              ///< where an earlier one was ended
  /// Told each shelf before it is read, and what was found so far; in the end kShelves.
  std::function<void(unsigned shelf, const ScrubReport&)> progress;
};

/// Every blob on the disk is read and hashed, past the page cache; every manifest is hashed; for every blob
/// that a row names the disk is asked. Blobs that are wrong are quarantined as by their readers. Serving goes
/// on meanwhile. Any number at a time. (Each file once: what comes while it runs may be missed.)
class Scrubber {
 public:
  /// Both outlive it.
  Scrubber(ReleaseStore& store, DiskBlobStore& blobs) : store_(store), blobs_(blobs) {}
  /// Throws cancelled when it is stopped.
  ScrubReport scrub(const ScrubOptions& options, std::stop_token stop);

 private:
  class Run;
  ReleaseStore& store_;
  DiskBlobStore& blobs_;
};

}  // namespace store
