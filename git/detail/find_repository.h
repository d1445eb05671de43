// Finding the repository that somebody names on a command line, as git's programs do.
#pragma once

#include <optional>
#include <string>

#include "git/detail/repository_config.h"
#include "git/repository.h"

namespace git::detail {

enum class PathMatch { exact, guess };

struct FoundRepository {
  Repository repository;
  RepositoryConfig config;
};

/// Looks at DIR/.git, DIR, DIR.git/.git and DIR.git in this order (exact: at DIR only), "~" and "~user" in
/// front of it and ".git" files included. nullopt when there is no repository. Throws permissionDenied when
/// it belongs to somebody else and safe.directory does not list it: its hooks would be run; invalidArgument
/// for a repository of a format that is not known.
std::optional<FoundRepository> findRepository(const std::string& given, PathMatch match);

}  // namespace git::detail
