// A repository on disk: its folders, its format, its settings.
#pragma once

#include <filesystem>
#include <optional>

#include "git/object_id.h"

namespace git {

/// Where a repository's parts are. A value. In a bare repository all of them are one folder; a linked work
/// tree has its own HEAD in gitDir and shares the rest in commonDir. (gitrepository-layout.)
struct Repository {
  std::filesystem::path gitDir;
  std::filesystem::path commonDir;
  std::optional<std::filesystem::path> workTree;  ///< none: bare
  ObjectFormat format = ObjectFormat::sha1;

  bool isBare() const noexcept { return !workTree; }
  std::filesystem::path objects() const { return commonDir / "objects"; }
};

/// A bare repository at exactly that folder, its format read from its own config. Throws notFound when it is
/// none, invalidArgument for a format that is not known.
Repository openBareRepository(const std::filesystem::path& folder);

/// Makes a bare repository aside and renames it into place; throws alreadyExists.
void createRepository(const std::filesystem::path& folder, ObjectFormat format = ObjectFormat::sha1);

}  // namespace git
