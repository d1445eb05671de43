// What is sealed in the database (config values, URLs of drains): read, written, and sealed anew.
#pragma once

#include "store/detail/config_keys.h"
#include "store/detail/sqlite.h"
#include "store/model.h"

namespace store::detail {

/// Fills config and configScopes.
void readConfig(Connection& connection, const ConfigKeys& keys, Release& release);
void insertConfig(Connection& connection, const ConfigKeys& keys, const Release& release);

/// The ids in config_keys: what values may be sealed with; "" stands for some that are not sealed.
std::vector<std::string> configKeyIds(Connection& connection);

/// What the URL of a drain is bound to.
std::string aboutDrain(AppId app, const std::string& uuid);

/// How far a walk over all of it came: config values first.
struct SealingPlace {
  std::int64_t release = 0;
  std::string name;
  bool configDone = false;
  std::int64_t drain = 0;
  bool atEnd = false;
};
/// Seals some hundreds of values with the key in use that are not, in the transaction under way.
SealingPlace sealSome(Connection& connection, const ConfigKeys& keys, const SealingPlace& from);

}  // namespace store::detail
