#include "git/detail/find_repository.h"

#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <vector>

#include "base/error.h"
#include "base/fd.h"
#include "base/strings.h"

namespace git::detail {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kGitFile = "gitdir: ";

std::optional<fs::path> expandHome(const std::string& path) {
  if (!path.starts_with('~')) return fs::path(path);
  const std::size_t slash = std::min(path.find('/'), path.size());
  const std::string user = path.substr(1, slash - 1);
  const char* home = std::getenv("HOME");
  if (!user.empty()) {
    const passwd* entry = ::getpwnam(user.c_str());
    home = entry ? entry->pw_dir : nullptr;
  }
  if (!home) return std::nullopt;
  return fs::path(home + path.substr(slash));
}

fs::path commonDirOf(const fs::path& gitDir) {
  std::error_code failure;
  const fs::path file = gitDir / "commondir";
  if (!fs::is_regular_file(file, failure)) return gitDir;
  const fs::path common = std::string(base::trim(base::readFile(file, 8192)));
  return (common.is_absolute() ? common : gitDir / common).lexically_normal();
}

bool isGitFolder(const fs::path& folder) {
  std::error_code failure;
  const fs::path common = commonDirOf(folder);
  return (fs::exists(folder / "HEAD", failure) || fs::is_symlink(folder / "HEAD", failure)) &&
         fs::is_directory(common / "objects", failure) && fs::is_directory(common / "refs", failure);
}

/// A ".git" that is a file says where the folder is.
std::optional<fs::path> readGitFile(const fs::path& file) {
  const std::string text = base::readFile(file, 1u << 20);
  if (!text.starts_with(kGitFile)) return std::nullopt;
  const fs::path target = std::string(base::trim(std::string_view(text).substr(kGitFile.size())));
  return target.is_absolute() ? target : file.parent_path() / target;
}

struct Candidate {
  fs::path named;   // what was found where we looked
  fs::path gitDir;  // where that leads
};

std::optional<Candidate> findFolder(const std::string& given, PathMatch match) {
  std::string trimmed = given;
  while (trimmed.size() > 1 && trimmed.ends_with('/'))
    trimmed.pop_back();
  const auto base = match == PathMatch::exact ? fs::path(given) : expandHome(trimmed);
  if (!base || given.empty()) return std::nullopt;
  static constexpr std::array kSuffixes{"/.git", "", ".git/.git", ".git"};
  for (const char* suffix : kSuffixes) {
    if (match == PathMatch::exact && *suffix != '\0') continue;
    const fs::path path = base->string() + suffix;
    std::error_code failure;
    if (fs::is_regular_file(path, failure)) {
      const auto target = readGitFile(path);
      if (!target || !isGitFolder(*target)) return std::nullopt;
      return Candidate{path, *target};
    }
    if (fs::is_directory(path, failure) && isGitFolder(path)) return Candidate{path, path};
  }
  return std::nullopt;
}

bool isOurs(const fs::path& path) {
  struct stat found {};
  if (::lstat(path.c_str(), &found) != 0) return false;
  if (found.st_uid == ::geteuid()) return true;
  // Root by sudo may use what belongs to who became root.
  const char* sudo = std::getenv("SUDO_UID");
  std::uint64_t user = 0;
  return ::geteuid() == 0 && sudo && base::parseNumber(sudo, user) && found.st_uid == user;
}

/// Only what the repository itself cannot say counts.
bool isDeclaredSafe(const fs::path& folder) {
  auto files = configFiles("");
  files.pop_back();
  const RepositoryConfig config(files);
  bool safe = false;
  for (const std::string& value : config.all("safe.directory")) {
    if (value.empty()) safe = false;
    if (value == "*" || value == folder.string()) safe = true;
    if (value.ends_with("/*") && folder.string().starts_with(value.substr(0, value.size() - 1))) safe = true;
  }
  return safe;
}

void checkOwner(const Candidate& candidate) {
  const char* pretend = std::getenv("GIT_TEST_ASSUME_DIFFERENT_OWNER");
  const bool foreign = pretend && parseConfigFlag(pretend).value_or(false);
  if (!foreign && isOurs(candidate.named) && isOurs(candidate.gitDir)) return;
  const std::string path = candidate.named.string();
  if (isDeclaredSafe(candidate.named) || isDeclaredSafe(fs::absolute(candidate.named))) return;
  throw base::Error(base::Errc::permissionDenied,
                    "detected dubious ownership in repository at '" + path +
                        "'\nTo add an exception for this directory, call:\n\n\tgit config --global --add "
                        "safe.directory " +
                        (path.find_first_of(" '\\") == std::string::npos ? path : base::shellQuote(path)));
}

std::optional<fs::path> workTreeOf(const Candidate& candidate, const RepositoryConfig& config) {
  if (const auto set = config.text("core.worktree")) {
    const fs::path folder = *set;
    return (folder.is_absolute() ? folder : fs::absolute(candidate.gitDir) / folder).lexically_normal();
  }
  if (commonDirOf(candidate.gitDir) != candidate.gitDir) {
    const fs::path link = std::string(base::trim(base::readFile(candidate.gitDir / "gitdir", 8192)));
    return link.parent_path();
  }
  const fs::path folder = fs::absolute(candidate.named);
  const bool dotGit = folder.filename() == ".git";
  if (config.flag("core.bare", !dotGit)) return std::nullopt;
  return folder.parent_path();
}

}  // namespace

std::optional<FoundRepository> findRepository(const std::string& given, PathMatch match) {
  const auto candidate = findFolder(given, match);
  if (!candidate) return std::nullopt;
  checkOwner(*candidate);
  const fs::path gitDir = fs::canonical(candidate->gitDir);
  const fs::path commonDir = fs::weakly_canonical(commonDirOf(gitDir));
  auto files = configFiles(commonDir);
  if (fs::exists(gitDir / "config.worktree")) files.push_back(gitDir / "config.worktree");
  RepositoryConfig config(files);
  Repository repository{gitDir, commonDir, workTreeOf(*candidate, config), ObjectFormat::sha1};
  const std::int64_t version = config.number("core.repositoryformatversion", 0);
  if (version > 1) {
    throw base::Error(base::Errc::invalidArgument,
                      "Expected git repo version <= 1, found " + std::to_string(version));
  }
  if (const auto format = config.text("extensions.objectformat")) {
    const auto known = parseObjectFormat(*format);
    if (!known)
      throw base::Error(base::Errc::invalidArgument,
                        "invalid value for 'extensions.objectformat': '" + base::printable(*format) + "'");
    repository.format = *known;
  }
  return FoundRepository{std::move(repository), std::move(config)};
}

}  // namespace git::detail
