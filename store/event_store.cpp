#include "store/event_store.h"

#include <algorithm>

#include "store/detail/release_store_state.h"

namespace store {
namespace {

using detail::Connection;
using detail::Rows;

constexpr std::size_t kBatch = 500;
constexpr std::chrono::seconds kIdle{15};

Event eventAt(const Rows& rows) {
  constexpr int kApp = 4;
  Event event{.id = rows.integer(0),
              .at = detail::timeAt(rows, 1),
              .actor = rows.text(2),
              .via = rows.text(3),
              .app = std::nullopt,
              .appUuid = rows.text(kApp + 1),
              .appName = rows.text(kApp + 2),
              .kind = rows.text(kApp + 3),
              .sentence = rows.text(kApp + 4)};
  if (!rows.isNull(kApp)) event.app = rows.integer(kApp);
  return event;
}

template <typename... Args>
std::vector<Event> select(Connection& connection, std::string_view sql, const Args&... args) {
  std::vector<Event> found;
  Rows rows = connection.query(sql, args...);
  while (rows.next())
    found.push_back(eventAt(rows));
  return found;
}

}  // namespace

std::vector<Event> EventStore::newest(std::optional<AppId> app, std::size_t limit) {
  auto found = store_.state_->read([&](Connection& connection) {
    const std::int64_t rows = detail::rowLimit(limit);
    return app ? select(connection,
                        "SELECT id, at, actor, via, app, app_uuid, app_name, kind, sentence FROM events "
                        "WHERE app = ?1 ORDER BY id DESC LIMIT ?2",
                        *app, rows)
               : select(connection,
                        "SELECT id, at, actor, via, app, app_uuid, app_name, kind, sentence FROM events "
                        "ORDER BY id DESC LIMIT ?1",
                        rows);
  });
  std::reverse(found.begin(), found.end());
  return found;
}

std::vector<Event> EventStore::after(std::int64_t id, std::optional<AppId> app, std::size_t limit) {
  return store_.state_->read([&](Connection& connection) {
    const std::int64_t rows = detail::rowLimit(limit);
    return app ? select(connection,
                        "SELECT id, at, actor, via, app, app_uuid, app_name, kind, sentence FROM events "
                        "WHERE app = ?1 AND id > ?2 ORDER BY id LIMIT ?3",
                        *app, id, rows)
               : select(connection,
                        "SELECT id, at, actor, via, app, app_uuid, app_name, kind, sentence FROM events "
                        "WHERE id > ?1 ORDER BY id LIMIT ?2",
                        id, rows);
  });
}

void EventStore::follow(std::int64_t id, std::optional<AppId> app, const Follower& follower,
                        std::stop_token stop) {
  auto nextIdle = std::chrono::steady_clock::now() + kIdle;
  while (!stop.stop_requested()) {
    // Asked before the rows are read: what is written in between ends the wait at once.
    const std::uint64_t seen = store_.state_->pool.writes();
    const auto batch = after(id, app, kBatch);
    if (!batch.empty()) {
      follower.check();
      for (const Event& event : batch)
        follower.show(event);
      id = batch.back().id;
      nextIdle = std::chrono::steady_clock::now() + kIdle;
      continue;
    }
    store_.state_->pool.awaitWrite(seen, nextIdle, stop);
    if (std::chrono::steady_clock::now() < nextIdle) continue;
    follower.idle();
    nextIdle = std::chrono::steady_clock::now() + kIdle;
  }
}

void EventStore::keep(std::size_t events) {
  store_.state_->events.keep = detail::rowLimit(std::max<std::size_t>(events, 1));
}

}  // namespace store
