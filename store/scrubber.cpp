#include "store/scrubber.h"

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <optional>
#include <utility>

#include "base/error.h"
#include "store/detail/release_store_state.h"

namespace store {
namespace {

using base::Errc;
using base::Error;
using detail::Connection;
using detail::Rows;
using SteadyClock = std::chrono::steady_clock;

constexpr std::int64_t kMaxNames = 20;
constexpr std::int64_t kPage = 500;

/// Lets so many bytes pass in a second, and nothing once it is stopped. One thread at a time.
class Pace {
 public:
  Pace(std::uint64_t bytesPerS, std::stop_token stop)
      : bytesPerS_(std::max<std::uint64_t>(bytesPerS, 1)), stop_(std::move(stop)) {}

  void pass(std::uint64_t bytes) {
    due_ += std::chrono::nanoseconds(bytes * 1'000'000'000 / bytesPerS_);
    // What was not used is not saved up.
    due_ = std::max(due_, SteadyClock::now() - std::chrono::milliseconds(100));
    std::unique_lock lock(mutex_);
    changed_.wait_until(lock, stop_, due_, [] { return false; });
    if (stop_.stop_requested()) throw Error(Errc::cancelled, "The scrub was ended");
  }

 private:
  const std::uint64_t bytesPerS_;
  const std::stop_token stop_;
  SteadyClock::time_point due_ = SteadyClock::now();
  std::mutex mutex_;
  std::condition_variable_any changed_;
};

std::vector<std::string> texts(Rows rows) {
  std::vector<std::string> found;
  while (rows.next())
    found.push_back(rows.text(0));
  return found;
}

struct NamedBlob {
  Digest digest;
  std::uint64_t sizeBytes;
};

/// Blobs that rows name, by digest.
std::vector<NamedBlob> namedAfter(Connection& connection, const std::string& last) {
  std::vector<NamedBlob> found;
  Rows rows = connection.query(
      "SELECT digest, MAX(size_bytes) FROM (SELECT digest, size_bytes FROM repository_blobs WHERE digest > "
      "?1 UNION ALL SELECT digest, size_bytes FROM slug_layers WHERE digest > ?1 UNION ALL SELECT digest, "
      "size_bytes FROM stack_layers WHERE digest > ?1 UNION ALL SELECT digest, size_bytes FROM "
      "run_image_layers WHERE digest > ?1) GROUP BY digest ORDER BY digest LIMIT ?2",
      last, kPage);
  while (rows.next())
    found.push_back({rows.digest(0), static_cast<std::uint64_t>(rows.integer(1))});
  return found;
}

}  // namespace

std::string_view name(Damaged::Kind kind) noexcept {
  return kind == Damaged::Kind::blob ? "blob" : "manifest";
}

class Scrubber::Run {
 public:
  Run(Scrubber& owner, const ScrubOptions& options, std::stop_token stop)
      : store_(owner.store_),
        blobs_(owner.blobs_),
        options_(options),
        pace_(options.bytesPerS, std::move(stop)) {}

  ScrubReport run() {
    for (unsigned shelf = options_.firstShelf; shelf < DiskBlobStore::kShelves; ++shelf) {
      tell(shelf);
      readShelf(shelf);
    }
    lookForNamedBlobs();
    readManifests();
    tell(DiskBlobStore::kShelves);
    return std::move(report_);
  }

 private:
  void tell(unsigned shelf) {
    if (options_.progress) options_.progress(shelf, report_);
  }

  void readShelf(unsigned shelf) {
    for (const Digest& digest : blobs_.onShelf(shelf)) {
      const bool right = blobs_.scrub(digest, [this](std::size_t bytes) {
        report_.bytes += bytes;
        pace_.pass(bytes);
      });
      ++report_.blobs;
      // What collection has removed meanwhile is not here, and that is right.
      if (!right && !blobs_.bytesOnDisk(digest) && isNamed(digest))
        add(Damaged::Kind::blob, digest, "was damaged, and is quarantined");
      pace_.pass(0);
    }
  }

  bool isNamed(const Digest& digest) {
    return store_.state_->read([&](Connection& connection) {
      return connection
          .query(
              "SELECT 1 FROM repository_blobs WHERE digest = ?1 UNION ALL SELECT 1 FROM slug_layers WHERE "
              "digest = ?1 UNION ALL SELECT 1 FROM stack_layers WHERE digest = ?1 UNION ALL SELECT 1 FROM "
              "run_image_layers WHERE digest = ?1 LIMIT 1",
              digest)
          .next();
    });
  }

  /// Those that are not there at all, or of another size than their rows say.
  void lookForNamedBlobs() {
    std::string last;
    while (true) {
      const auto page =
          store_.state_->read([&](Connection& connection) { return namedAfter(connection, last); });
      if (page.empty()) return;
      last = page.back().digest.str();
      for (const NamedBlob& each : page) {
        const auto stamp = FileStamp::of(blobs_.path(each.digest));
        if (!stamp) {
          add(Damaged::Kind::blob, each.digest, "is not here");
        } else if (stamp->sizeBytes != each.sizeBytes) {
          add(Damaged::Kind::blob, each.digest, "has another size than its rows say");
        }
      }
      pace_.pass(0);
    }
  }

  void readManifests() {
    std::int64_t repository = 0;
    std::string last;
    while (true) {
      std::optional<Digest> digest;
      std::string bytes;
      store_.state_->read([&](Connection& connection) {
        Rows rows = connection.query(
            "SELECT repository, digest, bytes FROM manifests WHERE (repository, digest) > (?1, ?2) ORDER BY "
            "repository, digest LIMIT 1",
            repository, last);
        if (!rows.next()) return;
        repository = rows.integer(0);
        digest = rows.digest(1);
        bytes = rows.text(2);
      });
      if (!digest) return;
      last = digest->str();
      ++report_.manifests;
      report_.bytes += bytes.size();
      if (Digest::of(bytes, digest->algorithm()) != *digest)
        add(Damaged::Kind::manifest, *digest, "was damaged in the database, and is not served");
      pace_.pass(bytes.size());
    }
  }

  void add(Damaged::Kind kind, const Digest& digest, std::string finding) {
    for (const Damaged& known : report_.damaged)
      if (known.kind == kind && known.digest == digest) return;
    if (report_.damaged.size() == ScrubReport::kMaxDamaged) return;
    Damaged damaged{.kind = kind, .digest = digest, .finding = std::move(finding)};
    store_.state_->read([&](Connection& connection) {
      const bool blob = kind == Damaged::Kind::blob;
      damaged.repositories =
          texts(connection.query(blob ? "SELECT r.name FROM repository_blobs b JOIN repositories r ON r.id = "
                                        "b.repository WHERE b.digest = ?1 ORDER BY r.name LIMIT ?2"
                                      : "SELECT r.name FROM manifests m JOIN repositories r ON r.id = "
                                        "m.repository WHERE m.digest = ?1 ORDER BY r.name LIMIT ?2",
                                 digest, kMaxNames));
      if (!blob) return;
      damaged.apps = texts(connection.query(
          "SELECT DISTINCT a.name FROM slug_layers l JOIN slugs s ON s.id = l.slug JOIN apps a ON a.id = "
          "s.app WHERE l.digest = ?1 ORDER BY a.name LIMIT ?2",
          digest, kMaxNames));
      damaged.stacks = texts(connection.query(
          "SELECT DISTINCT stack FROM stack_layers WHERE digest = ?1 ORDER BY stack", digest));
    });
    report_.damaged.push_back(std::move(damaged));
  }

  ReleaseStore& store_;
  DiskBlobStore& blobs_;
  const ScrubOptions& options_;
  Pace pace_;
  ScrubReport report_;
};

ScrubReport Scrubber::scrub(const ScrubOptions& options, std::stop_token stop) {
  return Run(*this, options, std::move(stop)).run();
}

}  // namespace store
