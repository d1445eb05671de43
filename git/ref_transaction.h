// Changing refs: one of them, or many at once. (gitrepository-layout; git-update-ref.)
#pragma once

#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "git/object_id.h"
#include "git/ref_store.h"
#include "git/repository.h"

namespace git {

struct RefChange {
  std::string name;
  ObjectId newId;                 ///< the null id deletes
  std::optional<ObjectId> oldId;  ///< what the ref must say now; the null id: it must not exist
  bool isDelete() const noexcept { return newId.isNull(); }
};

struct RefFailure {
  /// moved: it does not say oldId. inTheWay: refs/heads/a and refs/heads/a/b. locked: somebody else is
  /// changing it. aborted: another change of the same atomic transaction failed, or the observer refused.
  enum class Kind { moved, inTheWay, locked, damaged, duplicate, aborted };
  Kind kind = Kind::aborted;
  std::string text;  ///< a sentence, with git's words where its clients know them
};

enum class RefMode { each, atomic };
/// When the observer is called. aborted follows only prepared.
enum class RefPhase { prepared, committed, aborted };

struct Reflog {
  enum class Which { none, branches, all };
  Which which = Which::none;  ///< core.logAllRefUpdates; a log that exists is continued in any case
  std::string identity;       ///< "Name <mail>"
  std::string message = "push";
};

struct RefTransactionOptions {
  Reflog reflog;
  /// The hook reference-transaction: false at prepared refuses.
  std::function<bool(RefPhase, std::span<const RefChange>)> observer;
  int lockTimeoutMs = 100;         ///< core.filesRefLockTimeout
  int packedLockTimeoutMs = 1000;  ///< core.packedRefsTimeout
};

/// Changes refs: locks all in the order of their names, as git does (REF.lock), compares what they say, looks
/// for names in each other's way, writes and syncs everything, then renames. Symbolic refs are followed: what
/// they name changes. Durable when it returns. RefMode::atomic: all or nothing, after a kill or a power cut
/// as well, once recoverRefTransactions() has run; `each`: each by itself. A plain git may work in the
/// repository at the same time, and can read it at every moment. The objects need not exist: that is the
/// caller's question.
/// Returns one entry for each change: nullopt when it is done. Throws io when the disk fails.
std::vector<std::optional<RefFailure>> changeRefs(RefStore& store, const std::vector<RefChange>& changes,
                                                  RefMode mode, const RefTransactionOptions& options = {});

/// Makes `name` (HEAD) a symbolic ref to `target`, which need not exist. Durable. Throws conflict while it is
/// locked, invalidArgument for what is no ref name.
void setSymbolicRef(const Repository& repository, const std::string& name, const std::string& target);

/// Ends what killed processes left: locks are taken away, atomic transactions that had begun to move refs are
/// completed. What belongs to a living process stays. Cheap when there is nothing.
void recoverRefTransactions(const Repository& repository);

}  // namespace git
