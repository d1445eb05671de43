// Where a repository's history is cut off: the file shallow. (gitrepository-layout; shallow.txt of git.)
#pragma once

#include <filesystem>
#include <functional>
#include <vector>

#include "git/object_id.h"
#include "git/receive_pack.h"
#include "git/repository.h"

namespace git::detail {

/// Commits whose parents are not there; none when the history is whole.
std::vector<ObjectId> readShallowFile(const std::filesystem::path& commonDir, ObjectFormat format);

/// Adds commits, at least one, to the file, durably; takes shallow.lock as git does. Throws conflict when it
/// stays taken.
void addToShallowFile(const std::filesystem::path& commonDir, const std::vector<ObjectId>& commits);

/// A push from a clone that is cut off.
struct ShallowPush {
  std::vector<ObjectId> boundary;      ///< commits that come without their parents
  std::vector<PushCommand*> commands;  ///< the ones whose history reaches them
};

/// What a push finds in the repository.
struct ShallowRules {
  std::function<bool(const ObjectId&)> isOld;    ///< the commit was there before, with its history
  std::function<bool(const ObjectId&)> isThere;  ///< before or now
};
/// What of the client's `shallow` list matters: new commits whose parents are not there, as far as the new
/// history reaches them.
ShallowPush findShallow(Push& push, const ShallowRules& rules, const std::vector<ObjectId>& shallow);

}  // namespace git::detail
