// Slugs: what builds made.
#include "store/detail/release_store_state.h"

namespace store {
namespace {

using base::Errc;
using base::Error;
using detail::Connection;
using detail::Rows;

// The columns in slugAt()'s order, with the condition to come.
#define FAIRLEAD_SELECT_SLUG                                                                            \
  "SELECT id, uuid, app, commit_id, stack, buildpack, size_bytes, created_at, checksum, collected_at, " \
  "commit_description, checks, cron FROM slugs "

Slug slugAt(const Rows& rows) {
  return Slug{.id = rows.integer(0),
              .uuid = rows.text(1),
              .app = rows.integer(2),
              .commit = rows.text(3),
              .stack = rows.text(4),
              .buildpack = rows.text(5),
              .sizeBytes = static_cast<std::uint64_t>(rows.integer(6)),
              .checksum = Digest::tryParse(rows.text(8)),
              .createdAt = detail::timeAt(rows, 7),
              .collected = !rows.isNull(9),
              .commitDescription = rows.text(10),
              .checks = rows.text(11),
              .cron = rows.text(12)};
}

std::vector<Slug> collectSlugs(Connection& connection, Rows rows) {
  std::vector<Slug> slugs;
  while (rows.next())
    slugs.push_back(slugAt(rows));
  for (Slug& slug : slugs) {
    Rows layers = connection.query(
        "SELECT media_type, digest, size_bytes, diff_id FROM slug_layers WHERE slug = ?1 ORDER BY position",
        slug.id);
    while (layers.next())
      slug.layers.push_back(detail::layerAt(layers, 0));
    if (slug.layers.size() == 1) slug.checksum = slug.layers.front().blob.digest;
    slug.processTypes = detail::selectPairs(
        connection, "SELECT name, command FROM slug_process_types WHERE slug = ?1", slug.id);
    slug.defaultConfig =
        detail::selectPairs(connection, "SELECT name, value FROM slug_config WHERE slug = ?1", slug.id);
  }
  return slugs;
}

}  // namespace

Slug detail::insertSlug(Connection& connection, const std::string& uuid, const NewSlug& slug, Time now) {
  Slug created{.uuid = uuid,
               .app = slug.app,
               .commit = slug.commit,
               .stack = slug.stack,
               .buildpack = slug.buildpack,
               .layers = slug.layers,
               .processTypes = slug.processTypes,
               .defaultConfig = slug.defaultConfig,
               .createdAt = now,
               .commitDescription = slug.commitDescription,
               .checks = slug.checks,
               .cron = slug.cron};
  for (const Layer& layer : slug.layers)
    created.sizeBytes += layer.blob.sizeBytes;
  if (slug.layers.size() == 1) created.checksum = slug.layers.front().blob.digest;
  detail::requireApp(connection, slug.app);
  connection.execute(
      "INSERT INTO slugs (uuid, app, commit_id, stack, buildpack, size_bytes, created_at, "
      "commit_description, checks, cron) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
      created.uuid, created.app, created.commit, created.stack, created.buildpack,
      static_cast<std::int64_t>(created.sizeBytes), created.createdAt, created.commitDescription,
      created.checks, created.cron);
  created.id = connection.lastInsertId();
  int position = 0;
  for (const Layer& layer : created.layers) {
    connection.execute(
        "INSERT INTO slug_layers (slug, position, media_type, digest, size_bytes, diff_id) "
        "VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        created.id, position++, layer.blob.mediaType, layer.blob.digest,
        static_cast<std::int64_t>(layer.blob.sizeBytes), layer.diffId);
  }
  detail::insertPairs(connection, "INSERT INTO slug_process_types (slug, name, command) VALUES (?1, ?2, ?3)",
                      created.id, created.processTypes);
  detail::insertPairs(connection, "INSERT INTO slug_config (slug, name, value) VALUES (?1, ?2, ?3)",
                      created.id, created.defaultConfig);
  return created;
}

Slug ReleaseStore::createSlug(const NewSlug& slug) {
  const std::string uuid = base::randomUuid();
  return state_->note([&](Connection& connection) {
    return detail::insertSlug(connection, uuid, slug, state_->clock.now());
  });
}

Slug ReleaseStore::getSlug(std::int64_t id) {
  return state_->read([&](Connection& connection) {
    auto found = collectSlugs(connection, connection.query(FAIRLEAD_SELECT_SLUG "WHERE id = ?1", id));
    if (found.empty()) throw Error(Errc::notFound, "There is no slug with id " + std::to_string(id));
    return std::move(found.front());
  });
}

std::optional<Slug> ReleaseStore::findSlug(AppId app, const std::string& uuid) {
  return state_->read([&](Connection& connection) -> std::optional<Slug> {
    auto found = collectSlugs(
        connection, connection.query(FAIRLEAD_SELECT_SLUG "WHERE app = ?1 AND uuid = ?2", app, uuid));
    if (found.empty()) return std::nullopt;
    return std::move(found.front());
  });
}

std::optional<Slug> ReleaseStore::findSlug(const std::string& uuid) {
  return state_->read([&](Connection& connection) -> std::optional<Slug> {
    auto found = collectSlugs(connection, connection.query(FAIRLEAD_SELECT_SLUG "WHERE uuid = ?1", uuid));
    if (found.empty()) return std::nullopt;
    return std::move(found.front());
  });
}

std::vector<Slug> ReleaseStore::slugs(AppId app, std::size_t limit) {
  return state_->read([&](Connection& connection) {
    return collectSlugs(connection,
                        connection.query(FAIRLEAD_SELECT_SLUG "WHERE app = ?1 ORDER BY id DESC LIMIT ?2", app,
                                         detail::rowLimit(limit)));
  });
}

void ReleaseStore::setSlugChecksum(std::int64_t id, const Digest& checksum) {
  state_->write([&](Connection& connection) {
    connection.execute("UPDATE slugs SET checksum = ?2 WHERE id = ?1", id, checksum);
  });
}

std::optional<Layer> ReleaseStore::findPackedTree(const Digest& tree) {
  return state_->read([&](Connection& connection) -> std::optional<Layer> {
    Rows rows = connection.query(
        "SELECT media_type, digest, size_bytes, diff_id FROM packed_trees WHERE tree = ?1", tree);
    if (!rows.next()) return std::nullopt;
    return detail::layerAt(rows, 0);
  });
}

void ReleaseStore::putPackedTree(const Digest& tree, const Layer& layer) {
  state_->note([&](Connection& connection) {
    connection.execute(
        "INSERT OR REPLACE INTO packed_trees (tree, media_type, digest, size_bytes, diff_id) "
        "VALUES (?1, ?2, ?3, ?4, ?5)",
        tree, layer.blob.mediaType, layer.blob.digest, static_cast<std::int64_t>(layer.blob.sizeBytes),
        layer.diffId);
  });
}

}  // namespace store
