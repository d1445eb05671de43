#include "store/domain_store.h"

#include "base/digest.h"
#include "base/strings.h"
#include "store/detail/release_store_state.h"

namespace store {
namespace {

using base::Errc;
using base::Error;
using detail::Connection;
using detail::Rows;

Domain domainAt(const Rows& rows) {
  return {.id = rows.integer(0),
          .uuid = rows.text(1),
          .app = rows.integer(2),
          .host = rows.text(3),
          .createdAt = detail::timeAt(rows, 4)};
}

}  // namespace

Domain DomainStore::add(AppId app, const std::string& host, std::size_t max) {
  Domain domain{
      .uuid = base::randomUuid(), .app = app, .host = host, .createdAt = store_.state_->clock.now()};
  return store_.state_->write([&](Connection& connection) {
    detail::requireApp(connection, app);
    {
      Rows taken = connection.query("SELECT app FROM domains WHERE host = ?1", host);
      if (taken.next())
        throw Error(Errc::alreadyExists, taken.integer(0) == app
                                             ? host + " is a domain of this app already"
                                             : host + " is in use by another app: choose another one");
    }
    Rows count = connection.query("SELECT count(*) FROM domains WHERE app = ?1", app);
    if (count.next() && count.integer(0) >= detail::rowLimit(max))
      throw Error(Errc::overloaded,
                  "the app has " + std::to_string(count.integer(0)) +
                      " domains, as many as the setting domains_max allows: remove one first");
    connection.execute("INSERT INTO domains (uuid, app, host, created_at) VALUES (?1, ?2, ?3, ?4)",
                       domain.uuid, app, host, domain.createdAt);
    domain.id = connection.lastInsertId();
    return domain;
  });
}

Domain DomainStore::get(AppId app, const std::string& hostOrId) {
  return store_.state_->read([&](Connection& connection) {
    Rows rows = connection.query(
        "SELECT id, uuid, app, host, created_at FROM domains "
        "WHERE app = ?1 AND (host = ?2 OR uuid = ?2 OR CAST(id AS TEXT) = ?2)",
        app, hostOrId);
    if (rows.next()) return domainAt(rows);
    throw Error(Errc::notFound, "this app has no domain \"" + base::printable(hostOrId) +
                                    "\": fairlead domains lists what it has");
  });
}

void DomainStore::remove(std::int64_t id) {
  store_.state_->write(
      [&](Connection& connection) { connection.execute("DELETE FROM domains WHERE id = ?1", id); });
}

std::vector<Domain> DomainStore::ofApp(AppId app) {
  return store_.state_->read([&](Connection& connection) {
    std::vector<Domain> domains;
    Rows rows = connection.query(
        "SELECT id, uuid, app, host, created_at FROM domains WHERE app = ?1 ORDER BY host", app);
    while (rows.next())
      domains.push_back(domainAt(rows));
    return domains;
  });
}

bool DomainStore::maintenance(AppId app) {
  return store_.state_->read([&](Connection& connection) {
    return connection.query("SELECT 1 FROM maintenance WHERE app = ?1", app).next();
  });
}

void DomainStore::setMaintenance(AppId app, Maintenance state) {
  store_.state_->write([&](Connection& connection) {
    detail::requireApp(connection, app);
    connection.execute(state == Maintenance::on ? "INSERT OR IGNORE INTO maintenance (app) VALUES (?1)"
                                                : "DELETE FROM maintenance WHERE app = ?1",
                       app);
  });
}

}  // namespace store
