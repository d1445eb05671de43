// The keys of what is sealed: at open, and their rotation.
#include <algorithm>

#include "store/detail/config_sealing.h"
#include "store/detail/release_store_state.h"

namespace store {
namespace {

using detail::Connection;

bool contains(const std::vector<std::string>& ids, const std::string& id) {
  return std::find(ids.begin(), ids.end(), id) != ids.end();
}

}  // namespace

void ReleaseStore::openConfigKeys() {
  detail::ConfigKeys& keys = state_->configKeys;
  const auto ids = state_->read([](Connection& connection) { return detail::configKeyIds(connection); });
  for (const std::string& id : ids) {
    if (id.empty() || keys.has(id)) continue;
    throw base::Error(base::Errc::notFound,
                      "config vars and drains are sealed with the key " + id + ", which " +
                          keys.file().string() +
                          " does not have: put that file back from a backup of this database");
  }
  if (keys.newest().empty()) keys.make();
  const std::string newest = keys.newest();
  keys.use(newest);
  if (ids == std::vector<std::string>{newest}) return;
  if (!contains(ids, newest)) {
    state_->write([&](Connection& connection) {
      connection.execute("INSERT INTO config_keys (id) VALUES (?1)", newest);
    });
  }
  if (!ids.empty()) sealConfigAnew();
}

std::string ReleaseStore::rotateConfigKey() {
  const std::lock_guard lock(state_->rotating);
  detail::ConfigKeys& keys = state_->configKeys;
  const std::string id = keys.make();
  // Inside the transaction: who writes after it uses the key that it names.
  state_->write([&](Connection& connection) {
    connection.execute("INSERT INTO config_keys (id) VALUES (?1)", id);
    keys.use(id);
  });
  sealConfigAnew();
  return id;
}

/// With the key in use, which config_keys names already.
void ReleaseStore::sealConfigAnew() {
  detail::SealingPlace place;
  while (!place.atEnd) {
    place = state_->write(
        [&](Connection& connection) { return detail::sealSome(connection, state_->configKeys, place); });
  }
  // As a writer: an idle reader would keep the log from being cut.
  const auto ids = state_->write([](Connection& connection) { return detail::configKeyIds(connection); });
  if (contains(ids, "")) {
    // What was plain is in free pages and in the log still. This is an upgrade's first start: nobody else is
    // here.
    (*state_->pool.borrowWriter()).runScript("VACUUM; PRAGMA wal_checkpoint(TRUNCATE)");
  }
  state_->write([&](Connection& connection) {
    connection.execute("DELETE FROM config_keys WHERE id <> ?1", state_->configKeys.newest());
  });
  state_->configKeys.retire();
}

}  // namespace store
