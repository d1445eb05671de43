#include "store/publication_store.h"

#include "store/detail/release_store_state.h"

namespace store {
namespace {

using base::Errc;
using base::Error;
using detail::Connection;
using detail::Rows;

constexpr std::string_view kSelect =
    "SELECT p.id, r.app, p.release, r.version, p.target, p.state, p.attempts, p.next_at, p.requested_at, "
    "p.message, p.finished_at FROM publications p JOIN releases r ON r.id = p.release ";

PublicationState stateOf(const std::string& text) {
  for (const auto state : {PublicationState::pending, PublicationState::succeeded, PublicationState::failed})
    if (text == name(state)) return state;
  throw Error(Errc::corrupt, "database: a publication's state is damaged");
}

Publication publicationAt(const Rows& rows) {
  return {.id = rows.integer(0),
          .app = rows.integer(1),
          .release = rows.integer(2),
          .version = {rows.integer(3)},
          .target = rows.text(4),
          .state = stateOf(rows.text(5)),
          .attempts = rows.integer(6),
          .nextAt = detail::timeAt(rows, 7),
          .requestedAt = detail::timeAt(rows, 8),
          .message = rows.text(9),
          .finishedAt = rows.isNull(10) ? std::nullopt : std::optional(detail::timeAt(rows, 10))};
}

template <typename... Args>
std::vector<Publication> select(Connection& connection, const std::string& where, const Args&... args) {
  std::vector<Publication> found;
  Rows rows = connection.query(std::string(kSelect) + where, args...);
  while (rows.next())
    found.push_back(publicationAt(rows));
  return found;
}

std::optional<Publication> firstOf(std::vector<Publication> found) {
  if (found.empty()) return std::nullopt;
  return std::move(found.front());
}

}  // namespace

std::string_view name(PublicationState state) noexcept {
  switch (state) {
    case PublicationState::pending:
      return "pending";
    case PublicationState::succeeded:
      return "succeeded";
    case PublicationState::failed:
      return "failed";
  }
  return "failed";
}

Publication PublicationStore::request(std::int64_t release, const std::string& target) {
  const Time now = store_.state_->clock.now();
  return store_.state_->write([&](Connection& connection) {
    connection.execute(
        "INSERT INTO publications (release, target, state, next_at, requested_at) VALUES (?1, ?2, 'pending', "
        "?3, "
        "?3) ON CONFLICT (release, target) DO UPDATE SET state = 'pending', next_at = ?3, requested_at = ?3, "
        "finished_at = NULL, "
        "attempts = CASE state WHEN 'pending' THEN attempts ELSE 0 END, "
        "message = CASE state WHEN 'pending' THEN message ELSE '' END",
        release, target, now);
    return *firstOf(select(connection, "WHERE p.release = ?1 AND p.target = ?2", release, target));
  });
}

std::optional<Publication> PublicationStore::next() {
  return store_.state_->read([](Connection& connection) {
    return firstOf(select(connection, "WHERE p.state = 'pending' ORDER BY p.next_at, p.id LIMIT 1"));
  });
}

std::optional<Publication> PublicationStore::find(std::int64_t id) {
  return store_.state_->read(
      [&](Connection& connection) { return firstOf(select(connection, "WHERE p.id = ?1", id)); });
}

std::vector<Publication> PublicationStore::ofRelease(std::int64_t release) {
  return store_.state_->read([&](Connection& connection) {
    return select(connection, "WHERE p.release = ?1 ORDER BY p.id", release);
  });
}

std::vector<Publication> PublicationStore::ofApp(AppId app, std::size_t limit) {
  return store_.state_->read([&](Connection& connection) {
    return select(connection, "WHERE r.app = ?1 ORDER BY r.version DESC, p.id DESC LIMIT ?2", app,
                  detail::rowLimit(limit));
  });
}

void PublicationStore::succeed(std::int64_t id) {
  const Time now = store_.state_->clock.now();
  store_.state_->write([&](Connection& connection) {
    connection.execute(
        "UPDATE publications SET state = 'succeeded', message = '', attempts = attempts + 1, finished_at = "
        "?2 "
        "WHERE id = ?1",
        id, now);
  });
}

void PublicationStore::fail(std::int64_t id, const std::string& message) {
  const Time now = store_.state_->clock.now();
  store_.state_->write([&](Connection& connection) {
    connection.execute(
        "UPDATE publications SET state = 'failed', message = ?2, attempts = attempts + 1, finished_at = ?3 "
        "WHERE id = ?1",
        id, message, now);
  });
}

void PublicationStore::retryAt(std::int64_t id, Time when, const std::string& message) {
  store_.state_->write([&](Connection& connection) {
    connection.execute(
        "UPDATE publications SET message = ?2, attempts = attempts + 1, next_at = ?3 WHERE id = ?1", id,
        message, when);
  });
}

void PublicationStore::cancelPending(AppId app) {
  const Time now = store_.state_->clock.now();
  store_.state_->write([&](Connection& connection) {
    connection.execute(
        "UPDATE publications SET state = 'failed', message = 'publishing was switched off', finished_at = ?2 "
        "WHERE state = 'pending' AND release IN (SELECT id FROM releases WHERE app = ?1)",
        app, now);
  });
}

std::optional<std::string> PublicationStore::publishedWith(const Digest& blob, const std::string& target) {
  const std::string host = target.substr(0, target.find('/') + 1);
  return store_.state_->read([&](Connection& connection) -> std::optional<std::string> {
    Rows rows = connection.query(
        "SELECT p.target FROM repository_blobs b "
        "JOIN repositories t ON t.id = b.repository AND t.app IS NOT NULL "
        "JOIN manifest_blobs m ON m.repository = b.repository AND m.digest = b.digest "
        "JOIN releases r ON r.app = t.app AND r.manifest = m.manifest "
        "JOIN publications p ON p.release = r.id AND p.state = 'succeeded' "
        "WHERE b.digest = ?1 AND p.target >= ?2 AND p.target < ?3 AND p.target <> ?4 LIMIT 1",
        blob, host, host.substr(0, host.size() - 1) + "0", target);
    if (!rows.next()) return std::nullopt;
    return rows.text(0);
  });
}

}  // namespace store
