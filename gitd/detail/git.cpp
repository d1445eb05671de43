#include "gitd/detail/git.h"

#include "base/error.h"
#include "base/strings.h"

namespace gitd::detail {

void throwGit(int rc, std::string_view doing) {
  const git_error* last = git_error_last();
  std::string words = last && last->message ? last->message : "unknown error";
  const bool fromSystem = last && last->klass == GIT_ERROR_OS;
  // libgit2 likes to quote paths; they are nobody's business outside.
  if (words.find('/') != std::string::npos) words = "cannot be read or written";
  const auto code = rc == GIT_ENOTFOUND                           ? base::Errc::notFound
                    : rc == GIT_EEXISTS                           ? base::Errc::alreadyExists
                    : rc == GIT_EUSER                             ? base::Errc::cancelled
                    : rc == GIT_ELOCKED || rc == GIT_EMODIFIED    ? base::Errc::conflict
                    : rc == GIT_EINVALIDSPEC || rc == GIT_EEXISTS ? base::Errc::invalidArgument
                    : fromSystem                                  ? base::Errc::io
                                                                  : base::Errc::corrupt;
  throw base::Error(code, std::string(doing) + ": " + base::printable(words, 200));
}

GitRepository openGitRepository(const std::filesystem::path& path) {
  return acquireGit<GitRepository>(
      [&](git_repository** out) { return git_repository_open_bare(out, path.c_str()); },
      "opening the repository");
}

GitOdb openObjects(const std::filesystem::path& repository, const std::filesystem::path& quarantineObjects) {
  const std::string main = repository / "objects";
  auto odb = acquireGit<GitOdb>([&](git_odb** out) { return git_odb_open(out, main.c_str()); },
                                "opening the objects");
  if (!quarantineObjects.empty()) {
    checkGit(git_odb_add_disk_alternate(odb.get(), quarantineObjects.c_str()), "opening the quarantine");
  }
  return odb;
}

git_oid parseOid(const std::string& hex) {
  git_oid oid;
  if (hex.size() != GIT_OID_HEXSZ || git_oid_fromstr(&oid, hex.c_str()) != 0) {
    throw base::Error(base::Errc::invalidArgument, "not an object id: " + base::printable(hex));
  }
  return oid;
}

std::string toHex(const git_oid& oid) {
  char text[GIT_OID_HEXSZ];
  git_oid_fmt(text, &oid);
  return std::string(text, sizeof text);
}

}  // namespace gitd::detail
