// Slugs, releases and formations.
#include "store/detail/release_store_state.h"

namespace store {
namespace {

using base::Errc;
using base::Error;
using detail::Connection;
using detail::Rows;

// The columns in slugAt()'s and releaseAt()'s order, with the condition to come.
#define FAIRLEAD_SELECT_SLUG \
  "SELECT id, uuid, app, commit_id, stack, buildpack, size_bytes, created_at FROM slugs "
#define FAIRLEAD_SELECT_RELEASE                                                                      \
  "SELECT id, uuid, app, version, slug, stack, description, user, manifest, state, created_at FROM " \
  "releases "

Slug slugAt(const Rows& rows) {
  return Slug{.id = rows.integer(0),
              .uuid = rows.text(1),
              .app = rows.integer(2),
              .commit = rows.text(3),
              .stack = rows.text(4),
              .buildpack = rows.text(5),
              .sizeBytes = static_cast<std::uint64_t>(rows.integer(6)),
              .createdAt = detail::timeAt(rows, 7)};
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
    slug.processTypes = detail::selectPairs(
        connection, "SELECT name, command FROM slug_process_types WHERE slug = ?1", slug.id);
    slug.defaultConfig =
        detail::selectPairs(connection, "SELECT name, value FROM slug_config WHERE slug = ?1", slug.id);
  }
  return slugs;
}

ReleaseState parseReleaseState(const std::string& text) {
  for (const auto state : {ReleaseState::pending, ReleaseState::succeeded, ReleaseState::failed}) {
    if (text == name(state)) return state;
  }
  throw Error(Errc::corrupt, "database: a stored release state is damaged");
}

Release releaseAt(const Rows& rows) {
  Release release{.id = rows.integer(0),
                  .uuid = rows.text(1),
                  .app = rows.integer(2),
                  .version = {rows.integer(3)},
                  .stack = rows.text(5),
                  .description = rows.text(6),
                  .user = rows.text(7),
                  .state = parseReleaseState(rows.text(9)),
                  .createdAt = detail::timeAt(rows, 10)};
  if (!rows.isNull(4)) release.slug = rows.integer(4);
  if (!rows.isNull(8)) release.manifest = rows.digest(8);
  return release;
}

std::vector<Release> collectReleases(Connection& connection, Rows rows) {
  std::vector<Release> releases;
  while (rows.next())
    releases.push_back(releaseAt(rows));
  for (Release& release : releases) {
    release.config = detail::selectPairs(
        connection, "SELECT name, value FROM release_config WHERE release = ?1", release.id);
  }
  return releases;
}

Release requireRelease(Connection& connection, Rows rows, const std::string& what) {
  auto found = collectReleases(connection, std::move(rows));
  if (found.empty()) throw Error(Errc::notFound, "There is no " + what);
  return std::move(found.front());
}

/// Takes the release's number. It is the transaction's compare-and-swap: whoever assembled an image for a
/// number that is gone has to assemble anew.
void takeVersion(Connection& connection, AppId app, ReleaseVersion version) {
  const auto taken = connection.execute(
      "UPDATE apps SET last_version = ?2 WHERE id = ?1 AND last_version = ?2 - 1", app, version.number);
  if (taken == 1) return;
  throw Error(Errc::conflict, version.str() + " is not the app's next release; another change came first");
}

void requireSlugOfApp(Connection& connection, AppId app, std::int64_t slug) {
  Rows rows = connection.query("SELECT 1 FROM slugs WHERE id = ?1 AND app = ?2", slug, app);
  if (!rows.next())
    throw Error(Errc::notFound, "There is no slug with id " + std::to_string(slug) + " in this app");
}

std::int64_t insertRelease(Connection& connection, const Release& release,
                           std::optional<std::int64_t> build) {
  connection.execute(
      "INSERT INTO releases (uuid, app, version, slug, build, stack, description, user, manifest, state, "
      "created_at) "
      "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
      release.uuid, release.app, release.version.number, release.slug, build, release.stack,
      release.description, release.user, release.manifest, name(release.state), release.createdAt);
  const std::int64_t id = connection.lastInsertId();
  detail::insertPairs(connection, "INSERT INTO release_config (release, name, value) VALUES (?1, ?2, ?3)", id,
                      release.config);
  return id;
}

}  // namespace

void detail::replaceFormation(Connection& connection, AppId app, const Formation& formation) {
  connection.execute("DELETE FROM formations WHERE app = ?1", app);
  for (const auto& [type, quantity] : formation) {
    if (quantity < 0) throw Error(Errc::invalidArgument, "The number of processes cannot be negative");
    connection.execute("INSERT INTO formations (app, process_type, quantity) VALUES (?1, ?2, ?3)", app, type,
                       quantity);
  }
}

void detail::insertInitialRelease(Connection& connection, const App& app) {
  const Release release{.uuid = base::randomUuid(),
                        .app = app.id,
                        .version = {1},
                        .stack = app.stack,
                        .description = "Initial release",
                        .user = app.owner,
                        .state = ReleaseState::succeeded,
                        .createdAt = app.createdAt};
  takeVersion(connection, app.id, release.version);
  insertRelease(connection, release, std::nullopt);
}

Slug ReleaseStore::createSlug(const NewSlug& slug) {
  Slug created{.uuid = base::randomUuid(),
               .app = slug.app,
               .commit = slug.commit,
               .stack = slug.stack,
               .buildpack = slug.buildpack,
               .layers = slug.layers,
               .processTypes = slug.processTypes,
               .defaultConfig = slug.defaultConfig,
               .createdAt = state_->clock.now()};
  for (const Layer& layer : slug.layers)
    created.sizeBytes += layer.blob.sizeBytes;
  return state_->write([&](Connection& connection) {
    detail::requireApp(connection, slug.app);
    connection.execute(
        "INSERT INTO slugs (uuid, app, commit_id, stack, buildpack, size_bytes, created_at) "
        "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        created.uuid, created.app, created.commit, created.stack, created.buildpack,
        static_cast<std::int64_t>(created.sizeBytes), created.createdAt);
    created.id = connection.lastInsertId();
    int position = 0;
    for (const Layer& layer : created.layers) {
      connection.execute(
          "INSERT INTO slug_layers (slug, position, media_type, digest, size_bytes, diff_id) "
          "VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
          created.id, position++, layer.blob.mediaType, layer.blob.digest,
          static_cast<std::int64_t>(layer.blob.sizeBytes), layer.diffId);
    }
    detail::insertPairs(connection,
                        "INSERT INTO slug_process_types (slug, name, command) VALUES (?1, ?2, ?3)",
                        created.id, created.processTypes);
    detail::insertPairs(connection, "INSERT INTO slug_config (slug, name, value) VALUES (?1, ?2, ?3)",
                        created.id, created.defaultConfig);
    return created;
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

std::vector<Slug> ReleaseStore::slugs(AppId app, std::size_t limit) {
  return state_->read([&](Connection& connection) {
    return collectSlugs(connection,
                        connection.query(FAIRLEAD_SELECT_SLUG "WHERE app = ?1 ORDER BY id DESC LIMIT ?2", app,
                                         detail::rowLimit(limit)));
  });
}

ReleaseVersion ReleaseStore::nextVersion(AppId app) {
  return state_->read([&](Connection& connection) {
    Rows rows = connection.query("SELECT last_version + 1 FROM apps WHERE id = ?1", app);
    if (!rows.next()) throw Error(Errc::notFound, "There is no app with id " + std::to_string(app));
    return ReleaseVersion{rows.integer(0)};
  });
}

Release ReleaseStore::createRelease(const NewRelease& release) {
  Release created{.uuid = base::randomUuid(),
                  .app = release.app,
                  .version = release.version,
                  .slug = release.slug,
                  .config = release.config,
                  .stack = release.stack,
                  .description = release.description,
                  .user = release.user,
                  .state = release.state,
                  .createdAt = state_->clock.now()};
  if (release.image) created.manifest = release.image->digest;
  return state_->write([&](Connection& connection) {
    const App app = detail::requireApp(connection, release.app);
    takeVersion(connection, release.app, release.version);
    if (release.slug) requireSlugOfApp(connection, release.app, *release.slug);
    created.id = insertRelease(connection, created, release.succeededBuild);
    if (release.image) {
      detail::insertManifest(connection, RepositoryName::parse(app.name.str()), *release.image, release.tags);
    }
    if (release.succeededBuild) {
      detail::succeedBuild(connection, release.app, *release.succeededBuild, release.slug, created.createdAt);
    }
    if (release.formation) detail::replaceFormation(connection, release.app, *release.formation);
    return created;
  });
}

void ReleaseStore::setReleaseState(std::int64_t id, ReleaseState state) {
  state_->write([&](Connection& connection) {
    const auto changed = connection.execute(
        "UPDATE releases SET state = ?2 WHERE id = ?1 AND state IN ('pending', ?2)", id, name(state));
    if (changed == 1) return;
    const Release release = requireRelease(
        connection, connection.query(FAIRLEAD_SELECT_RELEASE "WHERE id = ?1", id), "such release");
    throw Error(Errc::conflict,
                release.version.str() + " has " + std::string(name(release.state)) + " already");
  });
}

Release ReleaseStore::getRelease(AppId app, ReleaseVersion version) {
  return state_->read([&](Connection& connection) {
    return requireRelease(
        connection,
        connection.query(FAIRLEAD_SELECT_RELEASE "WHERE app = ?1 AND version = ?2", app, version.number),
        "release " + version.str());
  });
}

Release ReleaseStore::currentRelease(AppId app) {
  return state_->read([&](Connection& connection) {
    return requireRelease(
        connection,
        connection.query(FAIRLEAD_SELECT_RELEASE
                         "WHERE app = ?1 AND state <> 'failed' ORDER BY version DESC LIMIT 1",
                         app),
        "app with id " + std::to_string(app));
  });
}

std::vector<Release> ReleaseStore::releases(AppId app, std::size_t limit) {
  return state_->read([&](Connection& connection) {
    return collectReleases(
        connection, connection.query(FAIRLEAD_SELECT_RELEASE "WHERE app = ?1 ORDER BY version DESC LIMIT ?2",
                                     app, detail::rowLimit(limit)));
  });
}

std::optional<ReleaseStore::Deployed> ReleaseStore::deployedCommit(AppId app) {
  return state_->read([&](Connection& connection) -> std::optional<Deployed> {
    Rows rows = connection.query(
        "SELECT b.commit_id, b.ref FROM releases r JOIN builds b ON b.id = r.build "
        "WHERE r.app = ?1 AND r.state <> 'failed' ORDER BY r.version DESC LIMIT 1",
        app);
    if (!rows.next()) return std::nullopt;
    return Deployed{rows.text(0), rows.text(1)};
  });
}

Formation ReleaseStore::formation(AppId app) {
  return state_->read([&](Connection& connection) {
    Formation formation;
    Rows rows = connection.query("SELECT process_type, quantity FROM formations WHERE app = ?1", app);
    while (rows.next())
      formation.emplace(rows.text(0), static_cast<int>(rows.integer(1)));
    return formation;
  });
}

void ReleaseStore::setFormation(AppId app, const Formation& formation) {
  state_->write([&](Connection& connection) {
    detail::requireApp(connection, app);
    detail::replaceFormation(connection, app, formation);
  });
}

}  // namespace store
