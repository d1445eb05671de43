#include "store/detail/config_sealing.h"

#include "base/error.h"

namespace store::detail {
namespace {

constexpr std::int64_t kAtOnce = 500;

struct StoredValue {
  std::int64_t release = 0;
  AppId app = 0;
  std::string name;
  SealedValue value;
};

SealingPlace sealSomeConfig(Connection& connection, const ConfigKeys& keys, const SealingPlace& from) {
  std::vector<StoredValue> values;
  Rows rows = connection.query(
      "SELECT c.release, r.app, c.name, c.key, c.value FROM release_config c JOIN releases r ON r.id = "
      "c.release "
      "WHERE (c.release, c.name) > (?1, ?2) ORDER BY c.release, c.name LIMIT ?3",
      from.release, from.name, kAtOnce);
  while (rows.next())
    values.push_back({rows.integer(0), rows.integer(1), rows.text(2), {rows.text(3), rows.text(4)}});
  for (const StoredValue& stored : values) {
    const SealedValue sealed =
        keys.seal(stored.app, stored.name, keys.unseal(stored.app, stored.name, stored.value));
    if (stored.value.key == sealed.key) continue;
    connection.execute("UPDATE release_config SET value = ?3, key = ?4 WHERE release = ?1 AND name = ?2",
                       stored.release, stored.name, sealed.text, sealed.key);
  }
  if (static_cast<std::int64_t>(values.size()) < kAtOnce) return {.configDone = true};
  return {.release = values.back().release, .name = values.back().name};
}

struct StoredDrain {
  std::int64_t id = 0;
  std::string about;
  SealedValue url;
};

/// One that cannot be read stays as it is: DrainStore tells of it.
SealingPlace sealSomeDrains(Connection& connection, const ConfigKeys& keys, const SealingPlace& from) {
  std::vector<StoredDrain> drains;
  Rows rows = connection.query(
      "SELECT id, app, uuid, key, url FROM drains WHERE id > ?1 ORDER BY id LIMIT ?2", from.drain, kAtOnce);
  while (rows.next())
    drains.push_back(
        {rows.integer(0), aboutDrain(rows.integer(1), rows.text(2)), {rows.text(3), rows.text(4)}});
  for (const StoredDrain& stored : drains) {
    const auto plain = keys.unsealText(stored.about, stored.url);
    if (!plain) continue;
    const SealedValue sealed = keys.sealText(stored.about, *plain);
    if (stored.url.key == sealed.key) continue;
    connection.execute("UPDATE drains SET url = ?2, key = ?3 WHERE id = ?1", stored.id, sealed.text,
                       sealed.key);
  }
  const bool atEnd = static_cast<std::int64_t>(drains.size()) < kAtOnce;
  return {.configDone = true, .drain = atEnd ? from.drain : drains.back().id, .atEnd = atEnd};
}

}  // namespace

void readConfig(Connection& connection, const ConfigKeys& keys, Release& release) {
  Rows rows =
      connection.query("SELECT name, key, value, scope FROM release_config WHERE release = ?1", release.id);
  while (rows.next()) {
    const std::string var = rows.text(0);
    release.config.emplace(var, keys.unseal(release.app, var, {rows.text(1), rows.text(2)}));
    const auto scope = parseConfigScope(rows.text(3));
    if (!scope) throw base::Error(base::Errc::corrupt, "database: a stored scope is damaged");
    if (*scope != ConfigScope::both) release.configScopes.emplace(var, *scope);
  }
}

void insertConfig(Connection& connection, const ConfigKeys& keys, const Release& release) {
  for (const auto& [var, plain] : release.config) {
    const SealedValue sealed = keys.seal(release.app, var, plain);
    connection.execute(
        "INSERT INTO release_config (release, name, value, key, scope) VALUES (?1, ?2, ?3, ?4, ?5)",
        release.id, var, sealed.text, sealed.key, name(scopeOf(release.configScopes, var)));
  }
}

std::vector<std::string> configKeyIds(Connection& connection) {
  std::vector<std::string> ids;
  Rows rows = connection.query("SELECT id FROM config_keys");
  while (rows.next())
    ids.push_back(rows.text(0));
  return ids;
}

std::string aboutDrain(AppId app, const std::string& uuid) {
  return "drain " + std::to_string(app) + "\n" + uuid;
}

SealingPlace sealSome(Connection& connection, const ConfigKeys& keys, const SealingPlace& from) {
  return from.configDone ? sealSomeDrains(connection, keys, from) : sealSomeConfig(connection, keys, from);
}

}  // namespace store::detail
