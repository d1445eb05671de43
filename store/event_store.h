// What changed, when, and who did it.
#pragma once

#include <functional>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "store/release_store.h"

namespace store {

/// One change. Sentences name config vars, never their values.
struct Event {
  std::int64_t id = 0;  ///< later ones are greater
  Time at;
  std::string actor;         ///< user, or empty for the server itself
  std::string via;           ///< "socket", "SHA256:...", "token 12", or empty
  std::optional<AppId> app;  ///< which may be gone
  std::string appUuid;       ///< or empty
  std::string appName;       ///< at that time, or empty
  std::string kind;          ///< "config.set"
  std::string sentence;
};

/// Written by the database's triggers, in the change's own transaction (schema/0017_events.sql). Thread-safe
/// as ReleaseStore is, which outlives it.
class EventStore {
 public:
  explicit EventStore(ReleaseStore& store) : store_(store) {}

  /// The newest ones, oldest of them first.
  std::vector<Event> newest(std::optional<AppId> app, std::size_t limit);
  /// Those after an event, oldest first.
  std::vector<Event> after(std::int64_t id, std::optional<AppId> app, std::size_t limit);

  struct Follower {
    std::function<void(const Event&)> show;
    std::function<void()> idle = [] {};   ///< nothing happened for a while (15 s)
    std::function<void()> check = [] {};  ///< before each batch; throws to end it
  };
  /// Those after an event, and those to come, until it is asked to stop.
  void follow(std::int64_t id, std::optional<AppId> app, const Follower& follower, std::stop_token stop);

  /// How many events are kept, about: up to 999 more. For the whole database, from now on.
  void keep(std::size_t events);

 private:
  ReleaseStore& store_;
};

}  // namespace store
