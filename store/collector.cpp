#include "store/collector.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "base/error.h"
#include "store/blob_leases.h"
#include "store/detail/release_store_state.h"
#include "store/pending_slug_store.h"

namespace store {
namespace {

using detail::Connection;
using detail::Rows;

constexpr std::int64_t kBatch = 100;  // rows of one transaction
constexpr std::size_t kStrayBatch = 1000;

/// What one step works with. Without a freeze it only rehearses: nothing counts as leased, and no file goes.
struct Step {
  Connection& connection;
  Time now;
  const Retention& retention;
  std::vector<Garbage>& gone;
  const BlobLeases::Freeze* freeze = nullptr;

  /// What was made after this is too young, or somebody is about to name it: a slug whose release is being
  /// written, a manifest whose index is on its way.
  Time youngest() const { return now - std::max(retention.age, retention.lease); }
  bool isLeased(const Digest& digest) const { return freeze != nullptr && freeze->isLeased(digest); }
};

bool isNamed(Connection& connection, const Digest& digest) {
  return connection
      .query(
          "SELECT 1 FROM repository_blobs WHERE digest = ?1 UNION ALL SELECT 1 FROM slug_layers WHERE digest "
          "= ?1 UNION ALL SELECT 1 FROM stack_layers WHERE digest = ?1 UNION ALL SELECT 1 FROM "
          "run_image_layers WHERE digest = ?1 LIMIT 1",
          digest)
      .next();
}

struct OldRelease {
  std::int64_t id;
  AppId app;
  std::string appName;
  ReleaseVersion version;
  Digest manifest;
};

std::vector<OldRelease> oldReleases(const Step& step) {
  std::vector<OldRelease> found;
  Rows rows = step.connection.query(
      "SELECT x.id, x.app, a.name, x.version, x.manifest FROM releases x JOIN apps a ON a.id = x.app "
      "WHERE x.collected_at IS NULL AND x.manifest IS NOT NULL AND x.created_at <= ?1 "
      "AND x.version <= a.last_version - ?2 "
      "AND x.id <> (SELECT MAX(id) FROM releases y WHERE y.app = x.app AND y.state <> 'failed') "
      "ORDER BY x.id LIMIT ?3",
      step.youngest(), detail::rowLimit(step.retention.releases), kBatch);
  while (rows.next())
    found.push_back(
        {rows.integer(0), rows.integer(1), rows.text(2), ReleaseVersion{rows.integer(3)}, rows.digest(4)});
  return found;
}

/// Releases beyond what is kept lose their tags, and so their image. Returns how many.
std::size_t giveUpReleases(const Step& step) {
  const auto releases = oldReleases(step);
  for (const OldRelease& each : releases) {
    step.connection.execute("UPDATE releases SET collected_at = ?2 WHERE id = ?1", each.id, step.now);
    // A tag of the user's own keeps the image; another release may have the same one.
    step.connection.execute(
        "DELETE FROM tags WHERE manifest = ?2 AND repository IN (SELECT id FROM repositories WHERE name = "
        "?3) "
        "AND (name = ?4 OR name LIKE 'git-%') AND NOT EXISTS (SELECT 1 FROM releases k WHERE k.app = ?1 AND "
        "k.manifest = ?2 AND k.collected_at IS NULL)",
        each.app, each.manifest, each.appName, each.version.str());
    step.gone.push_back({.kind = Garbage::Kind::release,
                         .name = each.appName + " " + each.version.str(),
                         .reason = "neither among the newest releases nor young enough"});
  }
  return releases.size();
}

/// Slugs without a release that is kept lose their layers; run images without a stack or such a release, too.
std::size_t giveUpSlugs(const Step& step) {
  std::vector<std::int64_t> slugs;
  {
    Rows rows = step.connection.query(
        "SELECT s.id FROM slugs s WHERE s.collected_at IS NULL AND s.created_at <= ?1 AND NOT EXISTS "
        "(SELECT 1 FROM releases k WHERE k.slug = s.id AND k.collected_at IS NULL) LIMIT ?2",
        step.youngest(), kBatch);
    while (rows.next())
      slugs.push_back(rows.integer(0));
  }
  for (const std::int64_t slug : slugs) {
    step.connection.execute("UPDATE slugs SET collected_at = ?2 WHERE id = ?1", slug, step.now);
    step.connection.execute("DELETE FROM slug_layers WHERE slug = ?1", slug);
  }
  step.connection.execute(
      "DELETE FROM run_image_layers WHERE image NOT IN (SELECT run_manifest FROM stacks) AND image NOT IN "
      "(SELECT run_image FROM releases WHERE run_image IS NOT NULL AND collected_at IS NULL)");
  return slugs.size();
}

/// Slugs that were announced and whose content did not come in time.
void giveUpPendingSlugs(const Step& step) {
  step.connection.execute("DELETE FROM pending_slugs WHERE expires_at < ?1",
                          step.now - PendingSlugStore::kWorkTime);
}

/// A place in a table whose key is (repository, digest).
struct Cursor {
  std::int64_t repository = 0;
  std::string digest;
};

struct Candidate {
  std::int64_t repository;
  std::string repositoryName;
  Digest digest;
};

std::vector<Candidate> candidates(Rows rows, Cursor& cursor) {
  std::vector<Candidate> found;
  while (rows.next())
    found.push_back({rows.integer(0), rows.text(1), rows.digest(2)});
  if (!found.empty()) cursor = {found.back().repository, found.back().digest.str()};
  return found;
}

struct Progress {
  bool more = false;  ///< of the table
  bool removedAny = false;
};

/// The next manifests that nothing keeps.
Progress removeManifests(const Step& step, Cursor& cursor) {
  const auto found = candidates(
      step.connection.query(
          "SELECT m.repository, r.name, m.digest FROM manifests m JOIN repositories r ON r.id = m.repository "
          "WHERE (m.repository, m.digest) > (?1, ?2) AND m.created_at <= ?3 "
          "AND NOT EXISTS (SELECT 1 FROM tags t WHERE t.repository = m.repository AND t.manifest = m.digest) "
          "AND NOT EXISTS (SELECT 1 FROM releases x WHERE x.app = r.app AND x.manifest = m.digest "
          "AND x.collected_at IS NULL) "
          "AND NOT EXISTS (SELECT 1 FROM stacks s WHERE r.name = 'stacks/' || s.name "
          "AND m.digest IN (s.build_manifest, s.run_manifest)) "
          "AND NOT EXISTS (SELECT 1 FROM manifest_children c WHERE c.repository = m.repository "
          "AND c.digest = m.digest) "
          "AND NOT EXISTS (SELECT 1 FROM referrers f JOIN manifests s ON s.repository = f.repository "
          "AND s.digest = f.subject WHERE f.repository = m.repository AND f.manifest = m.digest) "
          "ORDER BY m.repository, m.digest LIMIT ?4",
          cursor.repository, cursor.digest, step.youngest(), kBatch),
      cursor);
  Progress progress{.more = !found.empty()};
  for (const Candidate& each : found) {
    if (step.isLeased(each.digest)) continue;
    step.connection.execute("DELETE FROM manifests WHERE repository = ?1 AND digest = ?2", each.repository,
                            each.digest);
    step.gone.push_back({.kind = Garbage::Kind::manifest,
                         .name = each.repositoryName + "@" + each.digest.str(),
                         .reason = "no tag, release, index or subject keeps it"});
    progress.removedAny = true;
  }
  return progress;
}

/// Repositories let go of blobs that no manifest of theirs names; of what was uploaded just now, later.
bool letGoOfBlobs(const Step& step, Cursor& cursor) {
  const auto found = candidates(
      step.connection.query(
          "SELECT b.repository, r.name, b.digest FROM repository_blobs b JOIN repositories r ON r.id = "
          "b.repository WHERE (b.repository, b.digest) > (?1, ?2) AND b.created_at <= ?3 AND NOT EXISTS "
          "(SELECT 1 FROM manifest_blobs m WHERE m.repository = b.repository AND m.digest = b.digest) "
          "ORDER BY b.repository, b.digest LIMIT ?4",
          cursor.repository, cursor.digest, step.now - std::max(step.retention.grace, step.retention.lease),
          kBatch),
      cursor);
  for (const Candidate& each : found) {
    if (step.isLeased(each.digest)) continue;
    step.connection.execute("DELETE FROM repository_blobs WHERE repository = ?1 AND digest = ?2",
                            each.repository, each.digest);
  }
  return !found.empty();
}

/// Gives up the rows that nothing keeps, in the order in which one frees the next. `repeat` calls a step
/// until it returns false.
template <typename Repeat>
void giveUpRows(const Repeat& repeat) {
  repeat([](const Step& step) { return giveUpReleases(step) > 0; });
  repeat([](const Step& step) { return giveUpSlugs(step) > 0; });
  repeat([](const Step& step) {
    giveUpPendingSlugs(step);
    return false;
  });
  for (bool again = true; again;) {  // an index that goes frees its manifests
    again = false;
    Cursor cursor;
    repeat([&](const Step& step) {
      const Progress progress = removeManifests(step, cursor);
      again = again || progress.removedAny;
      return progress.more;
    });
  }
  Cursor cursor;
  repeat([&](const Step& step) { return letGoOfBlobs(step, cursor); });
}

struct Queued {
  Digest digest;
  std::optional<Time> seenAt;
};

std::vector<Queued> queuedAfter(Connection& connection, const std::string& last) {
  std::vector<Queued> found;
  Rows rows = connection.query(
      "SELECT digest, seen_at FROM gc_queue WHERE digest > ?1 ORDER BY digest LIMIT ?2", last, kBatch);
  while (rows.next())
    found.push_back({rows.digest(0), rows.isNull(1) ? std::nullopt : std::optional(detail::timeAt(rows, 1))});
  return found;
}

Garbage garbageBlob(const Digest& digest, std::uint64_t bytes) {
  return {.kind = Garbage::Kind::blob,
          .name = digest.str(),
          .reason = "no release, image or upload names it",
          .bytes = bytes};
}

}  // namespace

std::string_view name(Garbage::Kind kind) noexcept {
  switch (kind) {
    case Garbage::Kind::release:
      return "release";
    case Garbage::Kind::manifest:
      return "manifest";
    case Garbage::Kind::blob:
      break;
  }
  return "blob";
}

Collector::Collector(ReleaseStore& store, DiskBlobStore& blobs, const Retention& retention)
    : store_(store), blobs_(blobs), retention_(retention) {
  blobs_.leases().setLength(retention.lease);
}

std::vector<Digest> Collector::strays() {
  std::vector<Digest> unnamed;
  std::vector<Digest> batch;
  const auto look = [&] {
    store_.state_->read([&](Connection& connection) {
      for (const Digest& digest : batch) {
        const bool queued = connection.query("SELECT 1 FROM gc_queue WHERE digest = ?1", digest).next();
        if (!queued && !isNamed(connection, digest)) unnamed.push_back(digest);
      }
    });
    batch.clear();
  };
  blobs_.forEach([&](const Digest& digest) {
    batch.push_back(digest);
    if (batch.size() == kStrayBatch) look();
  });
  look();
  return unnamed;
}

std::vector<Garbage> Collector::plan() {
  const std::lock_guard lock(mutex_);
  const std::vector<Digest> found = strays();
  std::vector<Garbage> gone;
  store_.state_->rehearse([&](Connection& connection) {
    // Not what is too young, but what is only waiting: that would go one collection later.
    Retention retention = retention_;
    retention.grace = retention.lease = std::chrono::seconds(0);
    const Step step{connection, store_.state_->clock.now(), retention, gone};
    giveUpRows([&](const auto& body) {
      while (body(step)) {
      }
    });
    std::string last;
    for (auto batch = queuedAfter(connection, last); !batch.empty(); batch = queuedAfter(connection, last)) {
      for (const Queued& each : batch) {
        if (!isNamed(connection, each.digest))
          gone.push_back(garbageBlob(each.digest, blobs_.bytesOnDisk(each.digest)));
      }
      last = batch.back().digest.str();
    }
    for (const Digest& digest : found)
      gone.push_back(garbageBlob(digest, blobs_.bytesOnDisk(digest)));
  });
  return gone;
}

template <typename Body>
auto Collector::frozen(std::vector<Garbage>& gone, Body body) {
  std::optional<BlobLeases::Freeze> freeze;  // until the transaction is over
  return store_.state_->write([&](Connection& connection) {
    freeze.emplace(blobs_.leases());
    return body(Step{connection, store_.state_->clock.now(), retention_, gone, &*freeze});
  });
}

void Collector::queueStrays() {
  const std::vector<Digest> found = strays();
  for (std::size_t begin = 0; begin < found.size(); begin += kStrayBatch) {
    store_.state_->write([&](Connection& connection) {
      for (std::size_t i = begin; i < std::min(found.size(), begin + kStrayBatch); ++i)
        connection.execute("INSERT OR IGNORE INTO gc_queue (digest) VALUES (?1)", found[i]);
    });
  }
}

/// Looks at the next queued digests again; false after the last.
bool Collector::removeBlobs(std::string& last, std::vector<Garbage>& gone) {
  return frozen(gone, [&](const Step& step) {
    const auto batch = queuedAfter(step.connection, last);
    for (const Queued& each : batch) {
      last = each.digest.str();
      if (isNamed(step.connection, each.digest)) {
        step.connection.execute("DELETE FROM gc_queue WHERE digest = ?1", each.digest);
        continue;
      }
      if (step.isLeased(each.digest)) continue;
      const Time seenAt = each.seenAt.value_or(step.now);
      if (step.now - seenAt < retention_.grace) {
        step.connection.execute("UPDATE gc_queue SET seen_at = ?2 WHERE digest = ?1", each.digest, seenAt);
        continue;
      }
      // The file first: a kill in between leaves a row that is looked at again.
      gone.push_back(garbageBlob(each.digest, blobs_.bytesOnDisk(each.digest)));
      blobs_.remove(each.digest);
      step.connection.execute("DELETE FROM packed_trees WHERE digest = ?1", each.digest);
      step.connection.execute("DELETE FROM gc_queue WHERE digest = ?1", each.digest);
    }
    return !batch.empty();
  });
}

Collector::Hold::Hold(Collector& collector) : collector_(collector) {
  const std::lock_guard lock(collector_.mutex_);
  ++collector_.holds_;
}

Collector::Hold::~Hold() {
  const std::lock_guard lock(collector_.mutex_);
  --collector_.holds_;
}

std::vector<Garbage> Collector::collect(std::stop_token stop) {
  const std::lock_guard lock(mutex_);
  if (holds_ > 0)
    throw base::Error(
        base::Errc::conflict,
        "a backup is being made, and nothing is removed meanwhile: try again when it has ended");
  std::vector<Garbage> gone;
  giveUpRows([&](const auto& body) {
    while (!stop.stop_requested() && frozen(gone, body)) {
    }
  });
  if (!stop.stop_requested()) queueStrays();
  for (std::string last; !stop.stop_requested() && removeBlobs(last, gone);) {
  }
  return gone;
}

}  // namespace store
