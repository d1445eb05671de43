// The hosts of apps, and which apps are in maintenance.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "store/model.h"
#include "store/release_store.h"

namespace store {

struct Domain {
  std::int64_t id = 0;
  std::string uuid;
  AppId app = 0;
  std::string host;  ///< lower case, punycode; perhaps "*.example.com"
  Time createdAt;
};

/// In the same database as the apps, with which they go. Thread-safe as ReleaseStore is, which outlives it;
/// every mutating call is one transaction and durable when it returns.
class DomainStore {
 public:
  explicit DomainStore(ReleaseStore& store) : store_(store) {}

  /// At most `max` of one app. Throws alreadyExists, which says nothing about whose it is, and overloaded.
  Domain add(AppId app, const std::string& host, std::size_t max);
  /// By host, id or uuid; throws notFound.
  Domain get(AppId app, const std::string& hostOrId);
  void remove(std::int64_t id);
  std::vector<Domain> ofApp(AppId app);  ///< by host

  bool maintenance(AppId app);
  enum class Maintenance { off, on };
  void setMaintenance(AppId app, Maintenance state);

 private:
  ReleaseStore& store_;
};

}  // namespace store
