#include "store/detail/commit_group.h"

#include <utility>

#include "base/error.h"

namespace store::detail {

void CommitGroup::run(const Body& body) {
  Member self{body};
  std::unique_lock lock(mutex_);
  waiting_.push_back(&self);
  committed_.wait(lock, [&] { return self.done || !underWay_; });
  if (!self.done) {
    underWay_ = true;
    const Members members = std::exchange(waiting_, {});
    lock.unlock();
    commit(members);
    lock.lock();
    underWay_ = false;
    for (Member* member : members)
      member->done = true;
    committed_.notify_all();
  }
  lock.unlock();
  if (self.failure) std::rethrow_exception(self.failure);
}

std::size_t CommitGroup::waiting() const {
  const std::lock_guard lock(mutex_);
  return waiting_.size();
}

void CommitGroup::commit(const Members& members) noexcept {
  try {
    const auto writer = pool_.borrowWriter();
    if (members.size() > 1 && tryTogether(*writer, members)) return;
    for (Member* member : members) {
      if (!member->failure) runAlone(*writer, *member);
    }
  } catch (const base::Error& error) {
    // One for each: who catches it may add to it.
    for (Member* member : members)
      member->failure = std::make_exception_ptr(base::Error(error));
  } catch (...) {
    for (Member* member : members)
      member->failure = std::current_exception();
  }
}

/// False when all of it was undone: the disk is full, or broken, or one of them made it so.
bool CommitGroup::tryTogether(Connection& connection, const Members& members) {
  try {
    Transaction transaction(connection, Transaction::Kind::writing);
    for (Member* member : members) {
      connection.execute("SAVEPOINT member");
      try {
        const ActingAs acting(member->actor);
        member->body(connection);
      } catch (...) {
        member->failure = std::current_exception();
        if (!connection.inTransaction()) return false;
        connection.execute("ROLLBACK TO member");
      }
      connection.execute("RELEASE member");
    }
    transaction.commit();
    return true;
  } catch (const std::exception&) {
    return false;  // each by itself is told what is wrong
  }
}

void CommitGroup::runAlone(Connection& connection, Member& member) noexcept {
  try {
    const ActingAs acting(member.actor);
    Transaction transaction(connection, Transaction::Kind::writing);
    member.body(connection);
    transaction.commit();
  } catch (...) {
    member.failure = std::current_exception();
  }
}

}  // namespace store::detail
