// The registry's rows: repositories, manifests, tags.
#include "base/log.h"
#include "store/detail/release_store_state.h"

namespace store {
namespace {

using base::Errc;
using base::Error;
using detail::Connection;
using detail::Rows;
using detail::selectRepository;

std::optional<Manifest> selectManifest(Connection& connection, std::int64_t repository,
                                       const Digest& digest) {
  std::optional<Manifest> manifest;
  {
    Rows rows = connection.query(
        "SELECT media_type, bytes FROM manifests WHERE repository = ?1 AND digest = ?2", repository, digest);
    if (!rows.next()) return std::nullopt;
    manifest = Manifest{digest, rows.text(0), rows.text(1), {}};
  }
  // As if it were not here: then a push or a build stores it again, which heals the row.
  if (Digest::of(manifest->bytes, digest.algorithm()) != digest) {
    base::Log("manifests").error("damaged manifest not served", {{"digest", digest.str()}});
    return std::nullopt;
  }
  Rows rows = connection.query(
      "SELECT media_type, digest, size_bytes FROM manifest_blobs WHERE repository = ?1 AND manifest = ?2 "
      "ORDER BY position",
      repository, digest);
  while (rows.next()) {
    manifest->blobs.push_back({rows.text(0), rows.digest(1), static_cast<std::uint64_t>(rows.integer(2))});
  }
  return manifest;
}

}  // namespace

std::optional<std::int64_t> detail::selectRepository(Connection& connection, const RepositoryName& name) {
  Rows rows = connection.query("SELECT id FROM repositories WHERE name = ?1", name.str());
  if (!rows.next()) return std::nullopt;
  return rows.integer(0);
}

std::int64_t detail::ensureRepository(Connection& connection, const RepositoryName& name) {
  if (const auto id = selectRepository(connection, name)) return *id;
  connection.execute(
      "INSERT INTO repositories (name, app) VALUES (?1, (SELECT id FROM apps WHERE name = ?2))", name.str(),
      name.firstWord());
  return connection.lastInsertId();
}

bool detail::insertManifestRows(Connection& connection, std::int64_t repository, const Manifest& manifest,
                                Time now) {
  if (Digest::of(manifest.bytes, manifest.digest.algorithm()) != manifest.digest) {
    throw Error(Errc::invalidArgument, "The manifest does not match its digest");
  }
  const auto added = connection.execute(
      "INSERT OR IGNORE INTO manifests (repository, digest, media_type, bytes, created_at) "
      "VALUES (?1, ?2, ?3, ?4, ?5)",
      repository, manifest.digest, manifest.mediaType, Bytes{manifest.bytes}, now);
  if (added == 0) {
    connection.execute(
        "UPDATE manifests SET bytes = ?3 WHERE repository = ?1 AND digest = ?2 AND bytes <> ?3", repository,
        manifest.digest, Bytes{manifest.bytes});  // those that were damaged
    return false;                                 // the same bytes need the same blobs
  }
  int position = 0;
  for (const Descriptor& blob : manifest.blobs) {
    connection.execute(
        "INSERT INTO manifest_blobs (repository, manifest, position, media_type, digest, size_bytes) "
        "VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        repository, manifest.digest, position++, blob.mediaType, blob.digest,
        static_cast<std::int64_t>(blob.sizeBytes));
  }
  return true;
}

void detail::moveTag(Connection& connection, std::int64_t repository, const std::string& tag,
                     const Digest& manifest) {
  if (!isTag(tag)) throw Error(Errc::invalidArgument, "A tag is 1 to 128 letters, digits, '_', '.' and '-'");
  connection.execute(
      "INSERT INTO tags (repository, name, manifest) VALUES (?1, ?2, ?3) "
      "ON CONFLICT (repository, name) DO UPDATE SET manifest = excluded.manifest",
      repository, tag, manifest);
}

void detail::holdBlob(Connection& connection, std::int64_t repository, const Descriptor& blob, Time now) {
  connection.execute(
      "INSERT INTO repository_blobs (repository, digest, size_bytes, created_at) VALUES (?1, ?2, ?3, ?4) "
      "ON CONFLICT (repository, digest) DO UPDATE SET size_bytes = excluded.size_bytes, created_at = "
      "excluded.created_at",
      repository, blob.digest, static_cast<std::int64_t>(blob.sizeBytes), now);
}

void detail::insertManifest(Connection& connection, const OwnManifest& own) {
  const std::int64_t id = ensureRepository(connection, own.repository);
  if (insertManifestRows(connection, id, own.manifest, own.now)) {
    for (const Descriptor& blob : own.manifest.blobs)
      holdBlob(connection, id, blob, own.now);
  }
  for (const std::string& tag : own.tags)
    moveTag(connection, id, tag, own.manifest.digest);
}

void ReleaseStore::putManifest(const RepositoryName& repository, const Manifest& manifest,
                               const std::vector<std::string>& tags) {
  state_->write([&](Connection& connection) {
    detail::insertManifest(
        connection,
        {.repository = repository, .manifest = manifest, .tags = tags, .now = state_->clock.now()});
  });
}

std::optional<Manifest> ReleaseStore::findManifest(const RepositoryName& repository, const Digest& digest) {
  return state_->read([&](Connection& connection) -> std::optional<Manifest> {
    const auto id = selectRepository(connection, repository);
    return id ? selectManifest(connection, *id, digest) : std::nullopt;
  });
}

std::optional<Manifest> ReleaseStore::findManifestByTag(const RepositoryName& repository,
                                                        const std::string& tag) {
  return state_->read([&](Connection& connection) -> std::optional<Manifest> {
    const auto id = selectRepository(connection, repository);
    if (!id) return std::nullopt;
    std::optional<Digest> digest;
    {
      Rows rows = connection.query("SELECT manifest FROM tags WHERE repository = ?1 AND name = ?2", *id, tag);
      if (rows.next()) digest = rows.digest(0);
    }
    return digest ? selectManifest(connection, *id, *digest) : std::nullopt;
  });
}

std::optional<std::vector<std::string>> ReleaseStore::tags(const RepositoryName& repository,
                                                           const std::string& last, std::size_t limit) {
  return state_->read([&](Connection& connection) -> std::optional<std::vector<std::string>> {
    const auto id = selectRepository(connection, repository);
    if (!id) return std::nullopt;
    std::vector<std::string> names;
    Rows rows =
        connection.query("SELECT name FROM tags WHERE repository = ?1 AND name > ?2 ORDER BY name LIMIT ?3",
                         *id, last, detail::rowLimit(limit));
    while (rows.next())
      names.push_back(rows.text(0));
    return names;
  });
}

std::optional<std::uint64_t> ReleaseStore::blobSize(const RepositoryName& repository, const Digest& digest) {
  return state_->read([&](Connection& connection) -> std::optional<std::uint64_t> {
    Rows rows = connection.query(
        "SELECT b.size_bytes FROM repositories r JOIN repository_blobs b ON b.repository = r.id "
        "WHERE r.name = ?1 AND b.digest = ?2",
        repository.str(), digest);
    if (!rows.next()) return std::nullopt;
    return static_cast<std::uint64_t>(rows.integer(0));
  });
}

std::vector<RepositoryName> ReleaseStore::repositories(const std::string& last, std::size_t limit) {
  return state_->read([&](Connection& connection) {
    std::vector<RepositoryName> names;
    Rows rows = connection.query("SELECT name FROM repositories WHERE name > ?1 ORDER BY name LIMIT ?2", last,
                                 detail::rowLimit(limit));
    while (rows.next()) {
      auto name = RepositoryName::tryParse(rows.text(0));
      if (!name) throw Error(Errc::corrupt, "database: a stored repository name is damaged");
      names.push_back(*std::move(name));
    }
    return names;
  });
}

std::vector<Digest> ReleaseStore::referencedBlobs() {
  return state_->read([](Connection& connection) {
    std::vector<Digest> digests;
    Rows rows = connection.query(
        "SELECT digest FROM slug_layers UNION SELECT digest FROM stack_layers UNION SELECT digest FROM "
        "run_image_layers UNION SELECT digest FROM manifest_blobs UNION SELECT digest FROM repository_blobs");
    while (rows.next())
      digests.push_back(rows.digest(0));
    return digests;
  });
}

}  // namespace store
