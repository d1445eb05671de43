// Garbage collection while serving: what no release, image, tag or upload needs goes, and nothing else.
#pragma once

#include <chrono>
#include <cstdint>
#include <mutex>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "store/blob_store.h"
#include "store/release_store.h"

namespace store {

/// What stays. Each has a setting.
struct Retention {
  std::size_t releases = 20;                           ///< gc_keep_releases: of each app, the newest
  std::chrono::seconds age = std::chrono::days(30);    ///< gc_keep_days: what is younger
  std::chrono::seconds grace = std::chrono::hours(1);  ///< gc_grace_s: blobs without a reference, since then
  std::chrono::seconds lease = std::chrono::minutes(15);  ///< gc_lease_s: what was just stored or asked for
};

/// One thing that goes.
struct Garbage {
  enum class Kind { release, manifest, blob };
  Kind kind = Kind::blob;
  std::string name;         ///< "hello v3", "hello@sha256:…", "sha256:…"
  std::string reason;       ///< one phrase
  std::uint64_t bytes = 0;  ///< of the disk; of blobs only, since all else is rows
};

std::string_view name(Garbage::Kind kind) noexcept;

/// Roots are: of every app the release that serves, the newest `releases` and what is younger than `age`,
/// with their slugs; stacks, and run images that kept releases stand on; tagged manifests; manifests younger
/// than `age`; an index's manifests; what points to a kept manifest by its subject. A blob goes when no row
/// has named it for `grace` and nobody holds a lease on it (BlobLeases). Releases that go stay in the list
/// without their image.
///
/// Needs no pause: each step is a short transaction, in which the file is removed before the row, so that no
/// writer comes in between and a kill leaves at most a row to be looked at again. Thread-safe; collections
/// take turns. Both stores outlive it.
class Collector {
 public:
  Collector(ReleaseStore& store, DiskBlobStore& blobs, const Retention& retention);

  /// While one is there, nothing is removed: what was named at its begin can be read until its end.
  class Hold {
   public:
    ~Hold();
    Hold(const Hold&) = delete;
    Hold& operator=(const Hold&) = delete;

   private:
    friend class Collector;
    explicit Hold(Collector& collector);
    Collector& collector_;
  };
  /// Waits for a collection under way.
  Hold hold() { return Hold(*this); }

  /// What collect() would remove if grace and leases had ended; changes nothing. Writers wait meanwhile, for
  /// as long as the database alone needs for it.
  std::vector<Garbage> plan();
  /// Returns what went. Stops early between two steps when asked to. Throws conflict while it is held.
  std::vector<Garbage> collect(std::stop_token stop);

 private:
  std::vector<Digest> strays();
  void queueStrays();
  template <typename Body>
  auto frozen(std::vector<Garbage>& gone, Body body);
  bool removeBlobs(std::string& last, std::vector<Garbage>& gone);

  ReleaseStore& store_;
  DiskBlobStore& blobs_;
  const Retention retention_;
  std::mutex mutex_;  // one collection at a time
  int holds_ = 0;     // guarded by mutex_
};

}  // namespace store
