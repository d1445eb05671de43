// Another name for an app.
#include "store/detail/release_store_state.h"

namespace store {
namespace {

using base::Errc;
using base::Error;
using detail::Connection;
using detail::Rows;

/// Where it stands until the folders have moved, too.
constexpr std::string_view kRenamedFrom = "renamed_from";

void requireFree(Connection& connection, const AppName& name) {
  if (connection.query("SELECT 1 FROM apps WHERE name = ?1", name.str()).next())
    throw Error(Errc::alreadyExists, "the name " + name.str() + " is taken: choose another");
  Rows rows = connection.query(
      "SELECT 1 FROM repositories WHERE name = ?1 OR (name > ?1 || '/' AND name < ?1 || '0')", name.str());
  if (rows.next())
    throw Error(Errc::alreadyExists,
                "there are images under the name " + name.str() + ": delete them first, or choose another");
}

}  // namespace

void ReleaseStore::requireNameIsFree(const AppName& name) {
  state_->read([&](Connection& connection) { requireFree(connection, name); });
}

void ReleaseStore::renameApp(AppId id, const AppName& name) {
  state_->write([&](Connection& connection) {
    const App app = detail::requireApp(connection, id);
    requireFree(connection, name);
    connection.execute("UPDATE apps SET name = ?2 WHERE id = ?1", id, name.str());
    connection.execute(
        "UPDATE repositories SET name = ?2 || substr(name, length(?3) + 1) WHERE app = ?1 AND (name = ?3 OR "
        "(name > ?3 || '/' AND name < ?3 || '0'))",
        id, name.str(), app.name.str());
    connection.execute("INSERT INTO app_settings (app, key, value) VALUES (?1, ?2, ?3)", id, kRenamedFrom,
                       app.name.str());
  });
}

std::vector<std::pair<App, AppName>> ReleaseStore::pendingRenames() {
  return state_->read([](Connection& connection) {
    std::vector<std::pair<App, AppName>> pending;
    Rows rows = connection.query("SELECT app, value FROM app_settings WHERE key = ?1", kRenamedFrom);
    while (rows.next())
      pending.emplace_back(detail::requireApp(connection, rows.integer(0)), AppName::parse(rows.text(1)));
    return pending;
  });
}

void ReleaseStore::endRename(AppId id) {
  state_->write([&](Connection& connection) {
    connection.execute("DELETE FROM app_settings WHERE app = ?1 AND key = ?2", id, kRenamedFrom);
  });
}

}  // namespace store
