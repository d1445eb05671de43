// libgit2's handles and errors. Only gitd includes this.
#pragma once

#include <git2.h>

#include <filesystem>
#include <string>
#include <string_view>

#include "base/c_handle.h"

namespace gitd::detail {

using GitRepository = base::CHandle<git_repository, &git_repository_free>;
using GitOdb = base::CHandle<git_odb, &git_odb_free>;
using GitOdbObject = base::CHandle<git_odb_object, &git_odb_object_free>;
using GitObject = base::CHandle<git_object, &git_object_free>;
using GitCommit = base::CHandle<git_commit, &git_commit_free>;
using GitTree = base::CHandle<git_tree, &git_tree_free>;
using GitReference = base::CHandle<git_reference, &git_reference_free>;
using GitReferenceIterator = base::CHandle<git_reference_iterator, &git_reference_iterator_free>;
using GitRevwalk = base::CHandle<git_revwalk, &git_revwalk_free>;
using GitPackbuilder = base::CHandle<git_packbuilder, &git_packbuilder_free>;
using GitIndexer = base::CHandle<git_indexer, &git_indexer_free>;

/// Throws what libgit2 just failed with: notFound, alreadyExists, cancelled (a callback said so), io or
/// corrupt. "doing: libgit2's words", without paths.
[[noreturn]] void throwGit(int rc, std::string_view doing);

/// acquire() with throwGit.
template <typename Handle, typename Call>
Handle acquireGit(Call call, std::string_view doing) {
  return base::acquire<Handle>(call, [&](int rc, auto*) { throwGit(rc, doing); });
}

inline void checkGit(int rc, std::string_view doing) {
  if (rc < 0) throwGit(rc, doing);
}

/// A bare repository that is ours.
GitRepository openGitRepository(const std::filesystem::path& path);
/// The objects of a repository and, when given, of a quarantine.
GitOdb openObjects(const std::filesystem::path& repository,
                   const std::filesystem::path& quarantineObjects = {});

/// Throws invalidArgument unless it is 40 hex digits.
git_oid parseOid(const std::string& hex);
std::string toHex(const git_oid& oid);

}  // namespace gitd::detail
