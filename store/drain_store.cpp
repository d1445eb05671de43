#include "store/drain_store.h"

#include "base/digest.h"
#include "store/detail/release_store_state.h"

namespace store {
namespace {

using base::Errc;
using base::Error;
using detail::Connection;
using detail::Rows;

#define FAIRLEAD_SELECT_DRAIN "SELECT id, uuid, app, url, token, created_at FROM drains "

std::vector<Drain> drainsOf(Rows rows) {
  std::vector<Drain> drains;
  while (rows.next()) {
    drains.push_back({.id = rows.integer(0),
                      .uuid = rows.text(1),
                      .app = rows.integer(2),
                      .url = rows.text(3),
                      .token = rows.text(4),
                      .createdAt = detail::timeAt(rows, 5)});
  }
  return drains;
}

}  // namespace

Drain DrainStore::add(AppId app, const std::string& url, std::size_t max) {
  Drain drain{.uuid = base::randomUuid(),
              .app = app,
              .url = url,
              .token = "d." + base::randomUuid(),
              .createdAt = store_.state_->clock.now()};
  return store_.state_->write([&](Connection& connection) {
    detail::requireApp(connection, app);
    const auto present = drainsOf(connection.query(FAIRLEAD_SELECT_DRAIN "WHERE app = ?1", app));
    for (const Drain& each : present)
      if (each.url == url) throw Error(Errc::alreadyExists, "the app drains to this URL already");
    if (present.size() >= max)
      throw Error(Errc::overloaded,
                  "the app has " + std::to_string(present.size()) +
                      " drains, as many as the setting drains_max allows: remove one first");
    connection.execute("INSERT INTO drains (uuid, app, url, token, created_at) VALUES (?1, ?2, ?3, ?4, ?5)",
                       drain.uuid, app, url, drain.token, drain.createdAt);
    drain.id = connection.lastInsertId();
    return drain;
  });
}

Drain DrainStore::get(AppId app, const std::string& urlOrId) {
  return store_.state_->read([&](Connection& connection) {
    const auto found = drainsOf(
        connection.query(FAIRLEAD_SELECT_DRAIN
                         "WHERE app = ?1 AND (url = ?2 OR uuid = ?2 OR token = ?2 OR CAST(id AS TEXT) = ?2)",
                         app, urlOrId));
    if (found.empty())
      throw Error(Errc::notFound, "this app has no such drain: fairlead drains lists what it has");
    return found.front();
  });
}

void DrainStore::remove(std::int64_t id) {
  store_.state_->write(
      [&](Connection& connection) { connection.execute("DELETE FROM drains WHERE id = ?1", id); });
}

std::vector<Drain> DrainStore::ofApp(AppId app) {
  return store_.state_->read([&](Connection& connection) {
    return drainsOf(connection.query(FAIRLEAD_SELECT_DRAIN "WHERE app = ?1 ORDER BY id", app));
  });
}

std::vector<Drain> DrainStore::all() {
  return store_.state_->read([&](Connection& connection) {
    return drainsOf(connection.query(FAIRLEAD_SELECT_DRAIN "ORDER BY id"));
  });
}

}  // namespace store
