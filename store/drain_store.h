// Where the lines of apps' logs go.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "store/model.h"
#include "store/release_store.h"

namespace store {

struct Drain {
  std::int64_t id = 0;
  std::string uuid;
  AppId app = 0;
  std::string url;    ///< may hold a password; empty when what is stored cannot be read with the keys
  std::string token;  ///< "d.UUID": by which a receiver tells drains apart
  Time createdAt;
};

/// In the same database as the apps, with which they go. URLs are sealed there, with the keys of config
/// values. Thread-safe as ReleaseStore is, which outlives it;
/// every mutating call is one transaction and durable when it returns.
class DrainStore {
 public:
  explicit DrainStore(ReleaseStore& store) : store_(store) {}

  /// At most `max` of one app. Throws alreadyExists and overloaded.
  Drain add(AppId app, const std::string& url, std::size_t max);
  /// By URL, id, uuid or token; throws notFound.
  Drain get(AppId app, const std::string& urlOrId);
  void remove(std::int64_t id);
  std::vector<Drain> ofApp(AppId app);  ///< in the order in which they came
  std::vector<Drain> all();

  /// By drain: the number of the newest line of its app's log that went there.
  using Marks = std::map<std::int64_t, std::uint64_t>;
  /// Of those that have one.
  Marks marks();
  /// Those of drains that are no longer there are passed over.
  void keepMarks(const Marks& marks);

 private:
  ReleaseStore& store_;
};

}  // namespace store
