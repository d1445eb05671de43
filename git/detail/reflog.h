// The logs of refs. (gitrepository-layout, "logs".)
#pragma once

#include <filesystem>
#include <string>

#include "git/object_id.h"
#include "git/ref_transaction.h"

namespace git::detail {

struct ReflogEntry {
  ObjectId oldId;
  ObjectId newId;
};

/// Adds a line to the ref's log when the settings say that there is one, or when there is one already.
/// `folder` is the repository's common folder, or the git folder for HEAD.
void appendReflog(const std::filesystem::path& folder, const std::string& ref, const Reflog& reflog,
                  const ReflogEntry& entry);
/// Removes a deleted ref's log.
void removeReflog(const std::filesystem::path& folder, const std::string& ref);

}  // namespace git::detail
