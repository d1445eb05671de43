// On whose behalf a thread changes the database.
#pragma once

#include <string>

namespace store {

struct Actor {
  std::string user;  ///< empty: the server itself
  std::string via;   ///< "socket", "SHA256:...", "token 12", or empty
};

/// While it lives, what its thread changes is recorded (EventStore) as the actor's. It is the thread's, not a
/// parameter of each call, so that no change can be made without it; whoever passes work to another thread
/// passes current() along. They nest.
class ActingAs {
 public:
  explicit ActingAs(Actor actor = {});
  ~ActingAs();
  ActingAs(const ActingAs&) = delete;
  ActingAs& operator=(const ActingAs&) = delete;

  /// From now on, until the innermost one on this thread ends: for who has just logged in.
  static void become(Actor actor);
  static Actor current();

 private:
  Actor before_;
};

}  // namespace store
