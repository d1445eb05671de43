// Apps.
#include "store/detail/release_store_state.h"

namespace store {
namespace {

using base::Errc;
using base::Error;
using detail::Connection;
using detail::Rows;

constexpr std::string_view kSelectAppById =
    "SELECT id, uuid, name, stack, owner, deploy_branch, created_at FROM apps WHERE id = ?1";
constexpr std::string_view kSelectAppByName =
    "SELECT id, uuid, name, stack, owner, deploy_branch, created_at FROM apps WHERE name = ?1";
constexpr std::string_view kSelectApps =
    "SELECT id, uuid, name, stack, owner, deploy_branch, created_at FROM apps ORDER BY name";

std::optional<App> selectApp(Connection& connection, const AppName& name) {
  Rows rows = connection.query(kSelectAppByName, name.str());
  if (!rows.next()) return std::nullopt;
  return detail::appAt(rows);
}

}  // namespace

App detail::appAt(const Rows& rows) {
  auto name = AppName::tryParse(rows.text(2));
  if (!name) throw Error(Errc::corrupt, "database: a stored app name is damaged");
  return App{.id = rows.integer(0),
             .uuid = rows.text(1),
             .name = *std::move(name),
             .stack = rows.text(3),
             .owner = rows.text(4),
             .deployBranch = rows.text(5),
             .createdAt = detail::timeAt(rows, 6)};
}

App detail::requireApp(Connection& connection, AppId id) {
  Rows rows = connection.query(kSelectAppById, id);
  if (!rows.next()) throw Error(Errc::notFound, "There is no app with id " + std::to_string(id));
  return detail::appAt(rows);
}

void detail::recordEvent(Connection& connection, AppId app, std::string_view kind,
                         std::string_view sentence) {
  connection.execute("INSERT INTO event_entry (app, kind, sentence) VALUES (?1, ?2, ?3)", app, kind,
                     sentence);
}

App ReleaseStore::createApp(const NewApp& app) {
  App created{.uuid = base::randomUuid(),
              .name = app.name,
              .stack = app.stack,
              .owner = app.owner,
              .deployBranch = "",
              .createdAt = state_->clock.now()};
  return state_->write([&](Connection& connection) {
    if (selectApp(connection, app.name)) {
      throw Error(Errc::alreadyExists, "Name " + app.name.str() + " is already taken");
    }
    detail::requireUser(connection, app.owner);
    connection.execute("INSERT INTO apps (uuid, name, stack, owner, created_at) VALUES (?1, ?2, ?3, ?4, ?5)",
                       created.uuid, created.name.str(), created.stack, created.owner, created.createdAt);
    created.id = connection.lastInsertId();
    // What was pushed under this name before belongs to the app from now on, without the tags that will say
    // what its releases are (isReleaseTag).
    connection.execute(
        "UPDATE repositories SET app = ?1 WHERE name = ?2 OR (name > ?2 || '/' AND name < ?2 || '0')",
        created.id, created.name.str());
    connection.execute(
        "DELETE FROM tags WHERE repository IN (SELECT id FROM repositories WHERE app = ?1) AND (name = "
        "'latest' "
        "OR name GLOB 'git-*' OR (name GLOB 'v[0-9]*' AND substr(name, 2) NOT GLOB '*[^0-9]*'))",
        created.id);
    detail::insertInitialRelease(connection, created);
    return created;
  });
}

std::optional<App> ReleaseStore::findApp(const AppName& name) {
  return state_->read([&](Connection& connection) { return selectApp(connection, name); });
}

std::optional<App> ReleaseStore::findAppByUuid(const std::string& uuid) {
  return state_->read([&](Connection& connection) -> std::optional<App> {
    Rows rows = connection.query(
        "SELECT id, uuid, name, stack, owner, deploy_branch, created_at FROM apps WHERE uuid = ?1", uuid);
    if (!rows.next()) return std::nullopt;
    return detail::appAt(rows);
  });
}

App ReleaseStore::getApp(const AppName& name) {
  if (auto app = findApp(name)) return *std::move(app);
  throw Error(Errc::notFound, "There is no app " + name.str());
}

App ReleaseStore::getApp(AppId id) {
  return state_->read([&](Connection& connection) { return detail::requireApp(connection, id); });
}

std::vector<App> ReleaseStore::apps() {
  return state_->read([](Connection& connection) {
    std::vector<App> all;
    Rows rows = connection.query(kSelectApps);
    while (rows.next())
      all.push_back(detail::appAt(rows));
    return all;
  });
}

void ReleaseStore::destroyApp(AppId id) {
  state_->write([&](Connection& connection) {
    detail::requireApp(connection, id);
    connection.execute("DELETE FROM apps WHERE id = ?1", id);
  });
}

void ReleaseStore::setDeployBranch(AppId id, const std::string& ref) {
  state_->write([&](Connection& connection) {
    detail::requireApp(connection, id);
    connection.execute("UPDATE apps SET deploy_branch = ?2 WHERE id = ?1", id, ref);
  });
}

void ReleaseStore::setStack(AppId id, const std::string& stack) {
  state_->write([&](Connection& connection) {
    detail::requireApp(connection, id);
    connection.execute("UPDATE apps SET stack = ?2 WHERE id = ?1", id, stack);
  });
}

std::set<std::string> ReleaseStore::features(AppId id) {
  return state_->read([&](Connection& connection) {
    std::set<std::string> names;
    Rows rows = connection.query("SELECT name FROM app_features WHERE app = ?1", id);
    while (rows.next())
      names.insert(rows.text(0));
    return names;
  });
}

void ReleaseStore::enableFeature(AppId id, const std::string& name) {
  state_->write([&](Connection& connection) {
    detail::requireApp(connection, id);
    connection.execute("INSERT INTO app_features (app, name) VALUES (?1, ?2) ON CONFLICT DO NOTHING", id,
                       name);
  });
}

void ReleaseStore::disableFeature(AppId id, const std::string& name) {
  state_->write([&](Connection& connection) {
    detail::requireApp(connection, id);
    connection.execute("DELETE FROM app_features WHERE app = ?1 AND name = ?2", id, name);
  });
}

std::map<std::string, std::string> ReleaseStore::settings(AppId id) {
  return state_->read([&](Connection& connection) {
    std::map<std::string, std::string> all;
    Rows rows = connection.query("SELECT key, value FROM app_settings WHERE app = ?1", id);
    while (rows.next())
      all.emplace(rows.text(0), rows.text(1));
    return all;
  });
}

void ReleaseStore::changeSettings(AppId id,
                                  const std::map<std::string, std::optional<std::string>>& changes) {
  state_->write([&](Connection& connection) {
    detail::requireApp(connection, id);
    for (const auto& [key, value] : changes) {
      if (value) {
        connection.execute(
            "INSERT INTO app_settings (app, key, value) VALUES (?1, ?2, ?3) "
            "ON CONFLICT (app, key) DO UPDATE SET value = excluded.value",
            id, key, *value);
      } else {
        connection.execute("DELETE FROM app_settings WHERE app = ?1 AND key = ?2", id, key);
      }
    }
  });
}

std::vector<std::string> ReleaseStore::buildpacks(AppId id) {
  return state_->read([&](Connection& connection) {
    std::vector<std::string> sources;
    Rows rows = connection.query("SELECT source FROM app_buildpacks WHERE app = ?1 ORDER BY position", id);
    while (rows.next())
      sources.push_back(rows.text(0));
    return sources;
  });
}

void ReleaseStore::setBuildpacks(AppId id, const std::vector<std::string>& sources) {
  state_->write([&](Connection& connection) {
    detail::requireApp(connection, id);
    connection.execute("DELETE FROM app_buildpacks WHERE app = ?1", id);
    int position = 0;
    detail::recordEvent(connection, id, "buildpacks.set",
                        "set a list of " + std::to_string(sources.size()) + " buildpacks");
    for (const std::string& source : sources) {
      connection.execute("INSERT INTO app_buildpacks (app, position, source) VALUES (?1, ?2, ?3)", id,
                         position++, source);
    }
  });
}

}  // namespace store
