// Apps, keys and tokens.
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

App appAt(const Rows& rows) {
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

std::optional<App> selectApp(Connection& connection, const AppName& name) {
  Rows rows = connection.query(kSelectAppByName, name.str());
  if (!rows.next()) return std::nullopt;
  return appAt(rows);
}

Key keyAt(const Rows& rows) {
  return Key{rows.text(0), rows.text(1), rows.text(2), rows.text(3), detail::timeAt(rows, 4)};
}

std::optional<Key> selectKey(Connection& connection, const std::string& fingerprint) {
  Rows rows = connection.query(
      "SELECT fingerprint, public_key, comment, user, created_at FROM keys WHERE fingerprint = ?1",
      fingerprint);
  if (!rows.next()) return std::nullopt;
  return keyAt(rows);
}

constexpr std::string_view kSelectTokenByHash =
    "SELECT t.id, t.user, t.description, t.kind, a.name, t.expires_at, t.created_at FROM tokens t LEFT JOIN "
    "apps a ON a.id = t.app WHERE t.secret_hash = ?1";
constexpr std::string_view kSelectTokenById =
    "SELECT t.id, t.user, t.description, t.kind, a.name, t.expires_at, t.created_at FROM tokens t LEFT JOIN "
    "apps a ON a.id = t.app WHERE t.id = ?1";
constexpr std::string_view kSelectTokens =
    "SELECT t.id, t.user, t.description, t.kind, a.name, t.expires_at, t.created_at FROM tokens t LEFT JOIN "
    "apps a ON a.id = t.app ORDER BY t.id";

TokenKind tokenKind(const std::string& text) {
  for (const TokenKind kind : {TokenKind::full, TokenKind::push, TokenKind::pull})
    if (name(kind) == text) return kind;
  throw Error(Errc::corrupt, "database: a stored token's kind is damaged");
}

Token tokenAt(const Rows& rows) {
  constexpr int kApp = 4;
  constexpr int kExpires = 5;
  constexpr int kCreated = 6;
  Token token{.id = rows.integer(0),
              .user = rows.text(1),
              .description = rows.text(2),
              .kind = tokenKind(rows.text(3)),
              .app = std::nullopt,
              .expiresAt = std::nullopt,
              .createdAt = detail::timeAt(rows, kCreated)};
  if (!rows.isNull(kApp)) token.app = AppName::parse(rows.text(kApp));
  if (!rows.isNull(kExpires)) token.expiresAt = detail::timeAt(rows, kExpires);
  return token;
}

template <typename Key>
std::optional<Token> selectToken(Connection& connection, std::string_view sql, const Key& key) {
  Rows rows = connection.query(sql, key);
  if (!rows.next()) return std::nullopt;
  return tokenAt(rows);
}

}  // namespace

App detail::requireApp(Connection& connection, AppId id) {
  Rows rows = connection.query(kSelectAppById, id);
  if (!rows.next()) throw Error(Errc::notFound, "There is no app with id " + std::to_string(id));
  return appAt(rows);
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
    return appAt(rows);
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
      all.push_back(appAt(rows));
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
    for (const std::string& source : sources) {
      connection.execute("INSERT INTO app_buildpacks (app, position, source) VALUES (?1, ?2, ?3)", id,
                         position++, source);
    }
  });
}

void ReleaseStore::addKey(const Key& key) {
  state_->write([&](Connection& connection) {
    if (const auto present = selectKey(connection, key.fingerprint)) {
      throw Error(Errc::alreadyExists, "This key is already registered for user " + present->user);
    }
    connection.execute(
        "INSERT INTO keys (fingerprint, public_key, comment, user, created_at) VALUES (?1, ?2, ?3, ?4, ?5)",
        key.fingerprint, key.publicKey, key.comment, key.user, key.createdAt);
  });
}

std::optional<Key> ReleaseStore::findKey(const std::string& fingerprint) {
  return state_->read([&](Connection& connection) { return selectKey(connection, fingerprint); });
}

std::vector<Key> ReleaseStore::keys() {
  return state_->read([](Connection& connection) {
    std::vector<Key> all;
    Rows rows = connection.query(
        "SELECT fingerprint, public_key, comment, user, created_at FROM keys ORDER BY user, created_at, "
        "fingerprint");
    while (rows.next())
      all.push_back(keyAt(rows));
    return all;
  });
}

void ReleaseStore::removeKey(const std::string& fingerprint) {
  state_->write([&](Connection& connection) {
    if (connection.execute("DELETE FROM keys WHERE fingerprint = ?1", fingerprint) == 0) {
      throw Error(Errc::notFound, "There is no key " + fingerprint);
    }
  });
}

std::string_view name(TokenKind kind) noexcept {
  switch (kind) {
    case TokenKind::push:
      return "push";
    case TokenKind::pull:
      return "pull";
    default:
      return "full";
  }
}

Token ReleaseStore::addToken(const NewToken& token) {
  return state_->write([&](Connection& connection) {
    connection.execute(
        "INSERT INTO tokens (user, description, secret_hash, kind, app, expires_at, created_at) VALUES (?1, "
        "?2, ?3, ?4, ?5, ?6, ?7)",
        token.user, token.description, token.secretHash, name(token.kind), token.app, token.expiresAt,
        state_->clock.now());
    return *selectToken(connection, kSelectTokenById, connection.lastInsertId());
  });
}

std::optional<Token> ReleaseStore::findToken(const std::string& secretHash) {
  return state_->read(
      [&](Connection& connection) { return selectToken(connection, kSelectTokenByHash, secretHash); });
}

std::optional<Token> ReleaseStore::findToken(std::int64_t id) {
  return state_->read([&](Connection& connection) { return selectToken(connection, kSelectTokenById, id); });
}

std::vector<Token> ReleaseStore::tokens() {
  return state_->read([](Connection& connection) {
    std::vector<Token> all;
    Rows rows = connection.query(kSelectTokens);
    while (rows.next())
      all.push_back(tokenAt(rows));
    return all;
  });
}

void ReleaseStore::removeToken(std::int64_t id) {
  state_->write([&](Connection& connection) {
    if (connection.execute("DELETE FROM tokens WHERE id = ?1", id) == 0) {
      throw Error(Errc::notFound, "There is no token " + std::to_string(id));
    }
  });
}

}  // namespace store
