// Writers that wait for the disk together.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <exception>
#include <functional>
#include <mutex>
#include <vector>

#include "store/acting.h"
#include "store/detail/sqlite.h"

namespace store::detail {

/// Runs what several threads want to write in one transaction, and so waits for the disk once for all of
/// them: whoever comes while a transaction is under way waits, and the first of those commits for the others.
/// Thread-safe.
class CommitGroup {
 public:
  using Body = std::function<void(Connection&)>;

  explicit CommitGroup(ConnectionPool& pool) : pool_(pool) {}
  CommitGroup(const CommitGroup&) = delete;
  CommitGroup& operator=(const CommitGroup&) = delete;

  /// What the body wrote is durable, as a whole, when this returns; it did not happen when this throws, which
  /// it does for the body's own failure, not for another's, and when nothing can be committed. The body may
  /// run on another thread while this one waits, and again when it was undone with others.
  void run(const Body& body);
  /// How many wait for a transaction to end.
  std::size_t waiting() const;

 private:
  struct Member {
    const Body& body;
    Actor actor = ActingAs::current();  // whoever waits for it
    std::exception_ptr failure = nullptr;
    bool done = false;
  };
  using Members = std::vector<Member*>;

  void commit(const Members& members) noexcept;
  static bool tryTogether(Connection& connection, const Members& members);
  static void runAlone(Connection& connection, Member& member) noexcept;

  ConnectionPool& pool_;
  mutable std::mutex mutex_;
  std::condition_variable committed_;
  Members waiting_;        // guarded by mutex_; each lives on its thread's stack
  bool underWay_ = false;  // guarded by mutex_
};

}  // namespace store::detail
