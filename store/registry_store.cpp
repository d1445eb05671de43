#include "store/registry_store.h"

#include "store/detail/release_store_state.h"

namespace store {
namespace {

using base::Errc;
using base::Error;
using detail::Connection;
using detail::Rows;

std::optional<std::uint64_t> selectHeldSize(Connection& connection, std::int64_t repository,
                                            const Digest& digest) {
  Rows rows = connection.query(
      "SELECT size_bytes FROM repository_blobs WHERE repository = ?1 AND digest = ?2", repository, digest);
  if (!rows.next()) return std::nullopt;
  return static_cast<std::uint64_t>(rows.integer(0));
}

/// True when the query finds a row.
template <typename... Args>
bool finds(Connection& connection, std::string_view sql, const Args&... args) {
  return connection.query(sql, args...).next();
}

PutResult compare(Connection& connection, std::int64_t repository, const PushedManifest& pushed) {
  PutResult result;
  for (const Descriptor& blob : pushed.manifest.blobs) {
    const auto held = selectHeldSize(connection, repository, blob.digest);
    if (!held) {
      result.missing.push_back(blob.digest);
    } else if (*held != blob.sizeBytes) {
      result.otherSize.push_back(blob.digest);
    }
  }
  for (const Digest& child : pushed.children) {
    if (!finds(connection, "SELECT 1 FROM manifests WHERE repository = ?1 AND digest = ?2", repository,
               child))
      result.missing.push_back(child);
  }
  return result;
}

void insertLinks(Connection& connection, std::int64_t repository, const PushedManifest& pushed) {
  const Manifest& manifest = pushed.manifest;
  int position = 0;
  for (const Digest& child : pushed.children) {
    connection.execute(
        "INSERT INTO manifest_children (repository, manifest, position, digest) VALUES (?1, ?2, ?3, ?4)",
        repository, manifest.digest, position++, child);
  }
  if (!pushed.subject) return;
  connection.execute(
      "INSERT INTO referrers (repository, subject, manifest, media_type, size_bytes, artifact_type, "
      "annotations) "
      "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
      repository, *pushed.subject, manifest.digest, manifest.mediaType,
      static_cast<std::int64_t>(manifest.bytes.size()), pushed.artifactType, pushed.annotations);
}

bool isImageOfReleaseOrStack(Connection& connection, std::int64_t repository, const Digest& digest) {
  return finds(connection,
               "SELECT 1 FROM repositories r JOIN releases x ON x.app = r.app WHERE r.id = ?1 AND x.manifest "
               "= ?2",
               repository, digest) ||
         finds(connection,
               "SELECT 1 FROM repositories r JOIN stacks s ON r.name = 'stacks/' || s.name "
               "WHERE r.id = ?1 AND ?2 IN (s.build_manifest, s.run_manifest)",
               repository, digest);
}

}  // namespace

void RegistryStore::addBlob(const RepositoryName& repository, const Descriptor& blob,
                            const std::string& uploadUuid) {
  store_.state_->writeTogether([&](Connection& connection) {
    const std::int64_t id = detail::ensureRepository(connection, repository);
    detail::holdBlob(connection, id, blob, store_.state_->clock.now());
    if (!uploadUuid.empty()) connection.execute("DELETE FROM uploads WHERE uuid = ?1", uploadUuid);
  });
}

bool RegistryStore::mountBlob(const RepositoryName& repository, const RepositoryName& from,
                              const Digest& digest) {
  return store_.state_->writeTogether([&](Connection& connection) {
    const auto source = detail::selectRepository(connection, from);
    const auto size = source ? selectHeldSize(connection, *source, digest) : std::nullopt;
    if (!size) return false;
    const std::int64_t id = detail::ensureRepository(connection, repository);
    detail::holdBlob(connection, id, {"", digest, *size}, store_.state_->clock.now());
    return true;
  });
}

std::vector<RepositoryName> RegistryStore::holders(const Digest& digest, std::size_t limit) {
  return store_.state_->read([&](Connection& connection) {
    std::vector<RepositoryName> names;
    Rows rows = connection.query(
        "SELECT r.name FROM repository_blobs b JOIN repositories r ON r.id = b.repository WHERE b.digest = "
        "?1 "
        "ORDER BY b.repository LIMIT ?2",
        digest, detail::rowLimit(limit));
    while (rows.next())
      names.push_back(RepositoryName::parse(rows.text(0)));
    return names;
  });
}

Removal RegistryStore::removeBlob(const RepositoryName& repository, const Digest& digest) {
  return store_.state_->writeTogether([&](Connection& connection) {
    const auto id = detail::selectRepository(connection, repository);
    if (!id || !selectHeldSize(connection, *id, digest)) return Removal::unknown;
    if (finds(connection, "SELECT 1 FROM manifest_blobs WHERE repository = ?1 AND digest = ?2", *id, digest))
      return Removal::inUse;
    connection.execute("DELETE FROM repository_blobs WHERE repository = ?1 AND digest = ?2", *id, digest);
    return Removal::removed;
  });
}

PutResult RegistryStore::putManifest(const RepositoryName& repository, const PushedManifest& pushed,
                                     const std::vector<std::string>& tags, MissingContent rule) {
  return store_.state_->writeTogether([&](Connection& connection) {
    constexpr std::int64_t kNone = 0;  // no row has this id
    PutResult result =
        compare(connection, detail::selectRepository(connection, repository).value_or(kNone), pushed);
    const bool refused =
        !result.otherSize.empty() || (!result.missing.empty() && rule == MissingContent::refused);
    if (refused) return result;
    const std::int64_t id = detail::ensureRepository(connection, repository);
    if (detail::insertManifestRows(connection, id, pushed.manifest, store_.state_->clock.now()))
      insertLinks(connection, id, pushed);
    for (const std::string& tag : tags)
      detail::moveTag(connection, id, tag, pushed.manifest.digest);
    result.stored = true;
    return result;
  });
}

Removal RegistryStore::removeManifest(const RepositoryName& repository, const Digest& digest) {
  return store_.state_->writeTogether([&](Connection& connection) {
    const auto id = detail::selectRepository(connection, repository);
    if (!id) return Removal::unknown;
    if (isImageOfReleaseOrStack(connection, *id, digest)) return Removal::inUse;
    const auto removed =
        connection.execute("DELETE FROM manifests WHERE repository = ?1 AND digest = ?2", *id, digest);
    return removed == 0 ? Removal::unknown : Removal::removed;
  });
}

Removal RegistryStore::removeTag(const RepositoryName& repository, const std::string& tag) {
  return store_.state_->writeTogether([&](Connection& connection) {
    const auto id = detail::selectRepository(connection, repository);
    if (!id) return Removal::unknown;
    const auto removed = connection.execute("DELETE FROM tags WHERE repository = ?1 AND name = ?2", *id, tag);
    return removed == 0 ? Removal::unknown : Removal::removed;
  });
}

ReferrersPage RegistryStore::referrers(const RepositoryName& repository, const ReferrersQuery& query) {
  constexpr std::size_t kMaxItems = 1000;
  constexpr std::size_t kMaxBytes = 4u << 20;
  return store_.state_->read([&](Connection& connection) {
    ReferrersPage page;
    std::size_t bytes = 0;
    Rows rows = connection.query(
        "SELECT f.media_type, f.manifest, f.size_bytes, f.artifact_type, f.annotations "
        "FROM repositories r JOIN referrers f ON f.repository = r.id "
        "WHERE r.name = ?1 AND f.subject = ?2 AND f.manifest > ?3 AND ?4 IN ('', f.artifact_type) "
        "ORDER BY f.manifest",
        repository.str(), query.subject, query.last, query.artifactType);
    while (rows.next()) {
      Referrer each{{rows.text(0), rows.digest(1), static_cast<std::uint64_t>(rows.integer(2))},
                    rows.text(3),
                    rows.text(4)};
      bytes += each.annotations.size() + each.artifactType.size();
      page.more = page.items.size() == kMaxItems || (!page.items.empty() && bytes > kMaxBytes);
      if (page.more) break;
      page.items.push_back(std::move(each));
    }
    return page;
  });
}

void RegistryStore::putUpload(const UploadRow& upload) {
  store_.state_->writeTogether([&](Connection& connection) {
    connection.execute(
        "INSERT INTO uploads (uuid, repository, algorithm, size_bytes, created_at, touched_at, user) "
        "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) ON CONFLICT (uuid) DO UPDATE SET size_bytes = "
        "excluded.size_bytes, "
        "touched_at = excluded.touched_at",
        upload.uuid, upload.repository.str(), base::name(upload.algorithm),
        static_cast<std::int64_t>(upload.sizeBytes), upload.createdAt, upload.touchedAt, upload.user);
  });
}

void RegistryStore::removeUpload(const std::string& uuid) {
  store_.state_->writeTogether(
      [&](Connection& connection) { connection.execute("DELETE FROM uploads WHERE uuid = ?1", uuid); });
}

std::vector<UploadRow> RegistryStore::uploads() {
  return store_.state_->read([](Connection& connection) {
    std::vector<UploadRow> found;
    Rows rows = connection.query(
        "SELECT uuid, repository, algorithm, size_bytes, created_at, touched_at, user FROM uploads "
        "ORDER BY uuid");
    while (rows.next()) {
      const auto repository = RepositoryName::tryParse(rows.text(1));
      const auto algorithm = base::parseDigestAlgorithm(rows.text(2));
      if (!repository || !algorithm) throw Error(Errc::corrupt, "database: a stored upload is damaged");
      found.push_back({.uuid = rows.text(0),
                       .repository = *repository,
                       .user = rows.text(6),
                       .algorithm = *algorithm,
                       .sizeBytes = static_cast<std::uint64_t>(rows.integer(3)),
                       .createdAt = detail::timeAt(rows, 4),
                       .touchedAt = detail::timeAt(rows, 5)});
    }
    return found;
  });
}

}  // namespace store
