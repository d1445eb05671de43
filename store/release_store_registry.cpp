// The registry's rows: repositories, manifests, tags.
#include <algorithm>

#include "store/detail/release_store_state.h"

namespace store {
namespace {

using base::Errc;
using base::Error;
using detail::Connection;
using detail::Rows;

constexpr std::size_t kMaxTag = 128;

// [a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}
bool isTag(std::string_view text) {
  const auto isWordCharacter = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
  };
  if (text.empty() || text.size() > kMaxTag || !isWordCharacter(text.front())) return false;
  return std::all_of(text.begin(), text.end(),
                     [&](char c) { return isWordCharacter(c) || c == '.' || c == '-'; });
}

std::optional<std::int64_t> selectRepository(Connection& connection, const RepositoryName& name) {
  Rows rows = connection.query("SELECT id FROM repositories WHERE name = ?1", name.str());
  if (!rows.next()) return std::nullopt;
  return rows.integer(0);
}

std::int64_t ensureRepository(Connection& connection, const RepositoryName& name) {
  if (const auto id = selectRepository(connection, name)) return *id;
  connection.execute(
      "INSERT INTO repositories (name, app) VALUES (?1, (SELECT id FROM apps WHERE name = ?1))", name.str());
  return connection.lastInsertId();
}

std::optional<Manifest> selectManifest(Connection& connection, std::int64_t repository,
                                       const Digest& digest) {
  std::optional<Manifest> manifest;
  {
    Rows rows = connection.query(
        "SELECT media_type, bytes FROM manifests WHERE repository = ?1 AND digest = ?2", repository, digest);
    if (!rows.next()) return std::nullopt;
    manifest = Manifest{digest, rows.text(0), rows.text(1), {}};
  }
  if (Digest::of(manifest->bytes) != digest) {
    throw Error(Errc::corrupt, "database: manifest " + digest.str() + " is damaged");
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

void detail::insertManifest(Connection& connection, const RepositoryName& repository,
                            const Manifest& manifest, const std::vector<std::string>& tags) {
  if (Digest::of(manifest.bytes) != manifest.digest) {
    throw Error(Errc::invalidArgument, "The manifest does not match its digest");
  }
  const std::int64_t id = ensureRepository(connection, repository);
  const auto added = connection.execute(
      "INSERT OR IGNORE INTO manifests (repository, digest, media_type, bytes) VALUES (?1, ?2, ?3, ?4)", id,
      manifest.digest, manifest.mediaType, Bytes{manifest.bytes});
  int position = 0;
  for (const Descriptor& blob : manifest.blobs) {
    if (added == 0) break;  // the same bytes need the same blobs
    connection.execute(
        "INSERT INTO manifest_blobs (repository, manifest, position, media_type, digest, size_bytes) "
        "VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        id, manifest.digest, position++, blob.mediaType, blob.digest,
        static_cast<std::int64_t>(blob.sizeBytes));
  }
  for (const std::string& tag : tags) {
    if (!isTag(tag))
      throw Error(Errc::invalidArgument, "A tag is 1 to 128 letters, digits, '_', '.' and '-'");
    connection.execute(
        "INSERT INTO tags (repository, name, manifest) VALUES (?1, ?2, ?3) "
        "ON CONFLICT (repository, name) DO UPDATE SET manifest = excluded.manifest",
        id, tag, manifest.digest);
  }
}

void ReleaseStore::putManifest(const RepositoryName& repository, const Manifest& manifest,
                               const std::vector<std::string>& tags) {
  state_->write(
      [&](Connection& connection) { detail::insertManifest(connection, repository, manifest, tags); });
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

std::optional<Descriptor> ReleaseStore::findBlob(const RepositoryName& repository, const Digest& digest) {
  return state_->read([&](Connection& connection) -> std::optional<Descriptor> {
    Rows rows = connection.query(
        "SELECT b.media_type, b.digest, b.size_bytes FROM manifest_blobs b JOIN repositories r ON r.id = "
        "b.repository "
        "WHERE r.name = ?1 AND b.digest = ?2 LIMIT 1",
        repository.str(), digest);
    if (!rows.next()) return std::nullopt;
    return Descriptor{rows.text(0), rows.digest(1), static_cast<std::uint64_t>(rows.integer(2))};
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
        "run_image_layers UNION SELECT digest FROM manifest_blobs");
    while (rows.next())
      digests.push_back(rows.digest(0));
    return digests;
  });
}

}  // namespace store
