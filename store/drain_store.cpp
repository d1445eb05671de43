#include "store/drain_store.h"

#include "base/digest.h"
#include "store/detail/config_sealing.h"
#include "store/detail/release_store_state.h"

namespace store {
namespace {

using base::Errc;
using base::Error;
using detail::Connection;
using detail::Rows;

#define FAIRLEAD_SELECT_DRAIN "SELECT id, uuid, app, url, token, created_at, key FROM drains "

std::vector<Drain> drainsOf(Rows rows, const detail::ConfigKeys& keys) {
  std::vector<Drain> drains;
  while (rows.next()) {
    Drain drain{.id = rows.integer(0),
                .uuid = rows.text(1),
                .app = rows.integer(2),
                .url = {},
                .token = rows.text(4),
                .createdAt = detail::timeAt(rows, 5)};
    drain.url =
        keys.unsealText(detail::aboutDrain(drain.app, drain.uuid), {rows.text(6), rows.text(3)}).value_or("");
    drains.push_back(std::move(drain));
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
    const detail::ConfigKeys& keys = store_.state_->configKeys;
    const auto present = drainsOf(connection.query(FAIRLEAD_SELECT_DRAIN "WHERE app = ?1", app), keys);
    for (const Drain& each : present)
      if (each.url == url) throw Error(Errc::alreadyExists, "the app drains to this URL already");
    if (present.size() >= max)
      throw Error(Errc::overloaded,
                  "the app has " + std::to_string(present.size()) +
                      " drains, as many as the setting drains_max allows: remove one first");
    const detail::SealedValue sealed = keys.sealText(detail::aboutDrain(app, drain.uuid), url);
    connection.execute(
        "INSERT INTO drains (uuid, app, url, token, created_at, key) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        drain.uuid, app, sealed.text, drain.token, drain.createdAt, sealed.key);
    drain.id = connection.lastInsertId();
    return drain;
  });
}

Drain DrainStore::get(AppId app, const std::string& urlOrId) {
  for (const Drain& each : ofApp(app)) {
    if ((!each.url.empty() && each.url == urlOrId) || each.uuid == urlOrId || each.token == urlOrId ||
        std::to_string(each.id) == urlOrId)
      return each;
  }
  throw Error(Errc::notFound, "this app has no such drain: fairlead drains lists what it has");
}

void DrainStore::remove(std::int64_t id) {
  store_.state_->write(
      [&](Connection& connection) { connection.execute("DELETE FROM drains WHERE id = ?1", id); });
}

std::vector<Drain> DrainStore::ofApp(AppId app) {
  return store_.state_->read([&](Connection& connection) {
    return drainsOf(connection.query(FAIRLEAD_SELECT_DRAIN "WHERE app = ?1 ORDER BY id", app),
                    store_.state_->configKeys);
  });
}

std::vector<Drain> DrainStore::all() {
  return store_.state_->read([&](Connection& connection) {
    return drainsOf(connection.query(FAIRLEAD_SELECT_DRAIN "ORDER BY id"), store_.state_->configKeys);
  });
}

DrainStore::Marks DrainStore::marks() {
  return store_.state_->read([](Connection& connection) {
    Marks marks;
    Rows rows = connection.query("SELECT drain, sent FROM drain_marks");
    while (rows.next())
      marks.emplace(rows.integer(0), static_cast<std::uint64_t>(rows.integer(1)));
    return marks;
  });
}

void DrainStore::keepMarks(const Marks& marks) {
  store_.state_->write([&](Connection& connection) {
    for (const auto& [drain, sent] : marks)
      connection.execute(
          "INSERT INTO drain_marks (drain, sent) SELECT id, ?2 FROM drains WHERE id = ?1 "
          "ON CONFLICT (drain) DO UPDATE SET sent = excluded.sent",
          drain, static_cast<std::int64_t>(sent));
  });
}

}  // namespace store
