#include "store/pending_slug_store.h"

#include "base/digest.h"
#include "store/detail/release_store_state.h"

namespace store {
namespace {

using base::Errc;
using base::Error;
using detail::Connection;
using detail::Rows;

std::optional<PendingSlug> select(Connection& connection, const std::string& uuid) {
  Rows rows = connection.query(
      "SELECT id, uuid, app, user, commit_id, commit_description, stack, buildpack, checksum, created_at, "
      "expires_at FROM pending_slugs WHERE uuid = ?1",
      uuid);
  if (!rows.next()) return std::nullopt;
  return PendingSlug{.uuid = rows.text(1),
                     .app = rows.integer(2),
                     .user = rows.text(3),
                     .commit = rows.text(4),
                     .commitDescription = rows.text(5),
                     .stack = rows.text(6),
                     .buildpack = rows.text(7),
                     .checksum = Digest::tryParse(rows.text(8)),
                     .processTypes = detail::selectPairs(
                         connection, "SELECT name, command FROM pending_slug_process_types WHERE slug = ?1",
                         rows.integer(0)),
                     .createdAt = detail::timeAt(rows, 9),
                     .expiresAt = detail::timeAt(rows, 10)};
}

/// Those that take content.
std::size_t countOf(Connection& connection, AppId app, Time now) {
  Rows rows =
      connection.query("SELECT count(*) FROM pending_slugs WHERE app = ?1 AND expires_at >= ?2", app, now);
  rows.next();
  return static_cast<std::size_t>(rows.integer(0));
}

}  // namespace

PendingSlug PendingSlugStore::announce(const PendingSlug& slug, std::size_t max) {
  PendingSlug announced = slug;
  announced.uuid = base::randomUuid();
  announced.createdAt = store_.state_->clock.now();
  return store_.state_->write([&](Connection& connection) {
    detail::requireApp(connection, slug.app);
    connection.execute("DELETE FROM pending_slugs WHERE app = ?1 AND expires_at < ?2", slug.app,
                       announced.createdAt - kWorkTime);
    if (const std::size_t present = countOf(connection, slug.app, announced.createdAt); present >= max)
      throw Error(Errc::overloaded,
                  "the app has " + std::to_string(present) +
                      " slugs without content, as many as the setting slug_uploads_max allows: upload them, "
                      "or wait until their URLs' time is over");
    connection.execute(
        "INSERT INTO pending_slugs (uuid, app, user, commit_id, commit_description, stack, buildpack, "
        "checksum, created_at, expires_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
        announced.uuid, announced.app, announced.user, announced.commit, announced.commitDescription,
        announced.stack, announced.buildpack, announced.checksum ? announced.checksum->str() : std::string(),
        announced.createdAt, announced.expiresAt);
    detail::insertPairs(connection,
                        "INSERT INTO pending_slug_process_types (slug, name, command) VALUES (?1, ?2, ?3)",
                        connection.lastInsertId(), announced.processTypes);
    return announced;
  });
}

std::optional<PendingSlug> PendingSlugStore::find(const std::string& uuid) {
  auto found = store_.state_->read([&](Connection& connection) { return select(connection, uuid); });
  if (found && found->expiresAt < store_.state_->clock.now()) found.reset();
  return found;
}

Slug PendingSlugStore::fill(const std::string& uuid, const SlugContent& content) {
  return store_.state_->write([&](Connection& connection) {
    const auto pending = select(connection, uuid);
    if (!pending)
      throw Error(Errc::notFound,
                  "the slug " + uuid + " is not announced any more: announce it anew, with POST slugs");
    Slug slug = detail::insertSlug(connection, pending->uuid,
                                   {.app = pending->app,
                                    .commit = pending->commit,
                                    .stack = pending->stack,
                                    .buildpack = pending->buildpack,
                                    .layers = content.layers,
                                    .processTypes = pending->processTypes,
                                    .defaultConfig = {},
                                    .commitDescription = pending->commitDescription,
                                    .checks = content.checks,
                                    .cron = content.cron},
                                   store_.state_->clock.now());
    // After the slug: the event of an upload is told by its row.
    connection.execute("DELETE FROM pending_slugs WHERE uuid = ?1", uuid);
    return slug;
  });
}

}  // namespace store
