// Releases and formations.
#include "base/strings.h"
#include "store/detail/config_sealing.h"
#include "store/detail/release_store_state.h"

namespace store {
namespace {

using base::Errc;
using base::Error;
using detail::Connection;
using detail::Rows;

// The columns in releaseAt()'s order, with the condition to come.
#define FAIRLEAD_SELECT_RELEASE                                                                  \
  "SELECT id, uuid, app, version, slug, stack, description, user, manifest, state, created_at, " \
  "run_image FROM releases "

ReleaseState parseReleaseState(const std::string& text) {
  for (const auto state : {ReleaseState::pending, ReleaseState::succeeded, ReleaseState::failed}) {
    if (text == name(state)) return state;
  }
  throw Error(Errc::corrupt, "database: a stored release state is damaged");
}

std::vector<Release> collectReleases(Connection& connection, const detail::ConfigKeys& keys, Rows rows) {
  std::vector<Release> releases;
  while (rows.next())
    releases.push_back(detail::releaseAt(rows));
  for (Release& release : releases)
    detail::readConfig(connection, keys, release);
  return releases;
}

Release requireRelease(std::vector<Release> found, const std::string& what) {
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
  Rows rows = connection.query("SELECT collected_at FROM slugs WHERE id = ?1 AND app = ?2", slug, app);
  if (!rows.next())
    throw Error(Errc::notFound, "There is no slug with id " + std::to_string(slug) + " in this app");
  if (!rows.isNull(0)) requireKept({.id = slug, .collected = true});
}

std::int64_t insertRelease(Connection& connection, const Release& release,
                           std::optional<std::int64_t> build) {
  connection.execute(
      "INSERT INTO releases (uuid, app, version, slug, build, stack, description, user, manifest, state, "
      "created_at, run_image) "
      "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)",
      release.uuid, release.app, release.version.number, release.slug, build, release.stack,
      release.description, release.user, release.manifest, name(release.state), release.createdAt,
      release.runImage);
  return connection.lastInsertId();
}

Formation formationOf(Connection& connection, AppId app) {
  Formation formation;
  Rows rows = connection.query("SELECT process_type, quantity FROM formations WHERE app = ?1", app);
  while (rows.next())
    formation.emplace(rows.text(0), static_cast<int>(rows.integer(1)));
  return formation;
}

constexpr std::string_view kSelectCurrent =
    FAIRLEAD_SELECT_RELEASE "WHERE app = ?1 AND state <> 'failed' ORDER BY version DESC LIMIT 1";

/// Which config vars are others than those that count now: names, never values.
void recordConfigChange(Connection& connection, const detail::ConfigKeys& keys, const Release& next) {
  const auto current = collectReleases(connection, keys, connection.query(kSelectCurrent, next.app));
  const ConfigVars before = current.empty() ? ConfigVars() : current.front().config;
  const ConfigScopes scopes = current.empty() ? ConfigScopes() : current.front().configScopes;
  const AppId app = next.app;
  std::vector<std::string> set, unset;
  for (const auto& [key, value] : next.config) {
    const auto old = before.find(key);
    const bool same = old != before.end() && old->second == value &&
                      scopeOf(scopes, key) == scopeOf(next.configScopes, key);
    if (!same) set.push_back(key);
  }
  for (const auto& [key, value] : before)
    if (!next.config.contains(key)) unset.push_back(key);
  if (!set.empty()) detail::recordEvent(connection, app, "config.set", "set " + base::join(set, ", "));
  if (!unset.empty())
    detail::recordEvent(connection, app, "config.unset", "unset " + base::join(unset, ", "));
}

/// "latest" is what serves: it moves when the launch succeeded, "vN" comes with the row.
void tagLatest(Connection& connection, std::int64_t release) {
  connection.execute(
      "INSERT INTO tags (repository, name, manifest) SELECT m.repository, 'latest', m.digest FROM releases x "
      "JOIN apps a ON a.id = x.app JOIN repositories r ON r.name = a.name "
      "JOIN manifests m ON m.repository = r.id AND m.digest = x.manifest WHERE x.id = ?1 "
      "ON CONFLICT (repository, name) DO UPDATE SET manifest = excluded.manifest",
      release);
}

}  // namespace

Release detail::releaseAt(const Rows& rows) {
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
  if (!rows.isNull(11)) release.runImage = rows.digest(11);
  return release;
}

void detail::replaceFormation(Connection& connection, AppId app, const Formation& formation) {
  // Only what differs: each row that changes is an event.
  for (const auto& [type, quantity] : formationOf(connection, app)) {
    if (!formation.contains(type))
      connection.execute("DELETE FROM formations WHERE app = ?1 AND process_type = ?2", app, type);
  }
  for (const auto& [type, quantity] : formation) {
    if (quantity < 0) throw Error(Errc::invalidArgument, "The number of processes cannot be negative");
    connection.execute(
        "INSERT INTO formations (app, process_type, quantity) VALUES (?1, ?2, ?3) "
        "ON CONFLICT (app, process_type) DO UPDATE SET quantity = excluded.quantity",
        app, type, quantity);
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
                  .configScopes = release.configScopes,
                  .stack = release.stack,
                  .runImage = release.runImage,
                  .description = release.description,
                  .user = release.user,
                  .state = release.state,
                  .createdAt = state_->clock.now()};
  if (release.image) created.manifest = release.image->digest;
  return state_->write([&](Connection& connection) {
    const App app = detail::requireApp(connection, release.app);
    takeVersion(connection, release.app, release.version);
    recordConfigChange(connection, state_->configKeys, created);
    if (release.slug) requireSlugOfApp(connection, release.app, *release.slug);
    created.id = insertRelease(connection, created, release.succeededBuild);
    detail::insertConfig(connection, state_->configKeys, created);
    if (release.image) {
      detail::insertManifest(connection, {.repository = RepositoryName::parse(app.name.str()),
                                          .manifest = *release.image,
                                          .tags = release.tags,
                                          .now = created.createdAt});
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
    if (changed == 1) {
      if (state == ReleaseState::succeeded) tagLatest(connection, id);
      return;
    }
    const Release release =
        requireRelease(collectReleases(connection, state_->configKeys,
                                       connection.query(FAIRLEAD_SELECT_RELEASE "WHERE id = ?1", id)),
                       "such release");
    throw Error(Errc::conflict,
                release.version.str() + " has " + std::string(name(release.state)) + " already");
  });
}

Release ReleaseStore::getRelease(AppId app, ReleaseVersion version) {
  return state_->read([&](Connection& connection) {
    return requireRelease(
        collectReleases(
            connection, state_->configKeys,
            connection.query(FAIRLEAD_SELECT_RELEASE "WHERE app = ?1 AND version = ?2", app, version.number)),
        "release " + version.str() + " of this app: list them with fairlead releases");
  });
}

Release ReleaseStore::currentRelease(AppId app) {
  return state_->read([&](Connection& connection) {
    return requireRelease(
        collectReleases(connection, state_->configKeys, connection.query(kSelectCurrent, app)),
        "app with id " + std::to_string(app));
  });
}

std::vector<Release> ReleaseStore::releases(AppId app, std::size_t limit) {
  return state_->read([&](Connection& connection) {
    return collectReleases(
        connection, state_->configKeys,
        connection.query(FAIRLEAD_SELECT_RELEASE "WHERE app = ?1 ORDER BY version DESC LIMIT ?2", app,
                         detail::rowLimit(limit)));
  });
}

std::optional<Release> ReleaseStore::findReleaseOfBuild(std::int64_t build) {
  return state_->read([&](Connection& connection) -> std::optional<Release> {
    auto found = collectReleases(connection, state_->configKeys,
                                 connection.query(FAIRLEAD_SELECT_RELEASE "WHERE build = ?1", build));
    if (found.empty()) return std::nullopt;
    return std::move(found.front());
  });
}

std::optional<ReleaseStore::Deployed> ReleaseStore::deployedCommit(AppId app) {
  return state_->read([&](Connection& connection) -> std::optional<Deployed> {
    Rows rows = connection.query(
        "SELECT b.commit_id, b.ref FROM releases r JOIN builds b ON b.id = r.build "
        "WHERE r.app = ?1 AND r.state <> 'failed' AND b.ref <> '' ORDER BY r.version DESC LIMIT 1",
        app);
    if (!rows.next()) return std::nullopt;
    return Deployed{rows.text(0), rows.text(1)};
  });
}

Formation ReleaseStore::formation(AppId app) {
  return state_->read([&](Connection& connection) { return formationOf(connection, app); });
}

void ReleaseStore::setFormation(AppId app, const Formation& formation) {
  state_->write([&](Connection& connection) {
    detail::requireApp(connection, app);
    detail::replaceFormation(connection, app, formation);
  });
}

}  // namespace store
