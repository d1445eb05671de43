#include "gitd/repository.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>

#include "base/atomic_file.h"
#include "base/error.h"
#include "base/strings.h"
#include "gitd/detail/git.h"
#include "gitd/detail/ref_files.h"
#include "gitd/detail/ref_name.h"

namespace gitd {
namespace {

namespace fs = std::filesystem;

constexpr auto kConfig =
    "[core]\n\trepositoryformatversion = 0\n\tfilemode = true\n\tbare = true\n"
    // Packs are kept as they came; only our own maintenance may remove objects.
    "[gc]\n\tauto = 0\n";

void makeFolder(const fs::path& path) {
  if (::mkdir(path.c_str(), 0755) != 0) base::throwErrno(errno, "making a repository");
}

/// A ref to nothing is the one damage that git cannot look past.
void checkObjectExists(const fs::path& repository, const std::string& id) {
  const git_oid oid = detail::parseOid(id);
  const auto odb = detail::openObjects(repository);
  if (git_odb_exists(odb.get(), &oid) == 0)
    throw base::Error(base::Errc::notFound, "no object " + id + " in the repository");
}

/// The repository's objects with those of the quarantine.
detail::GitOdb openView(const fs::path& repository, const Quarantine* quarantine) {
  return detail::openObjects(repository, quarantine ? quarantine->objects() : fs::path());
}

/// A repository of objects only; lives no longer than `odb`.
detail::GitRepository viewOf(const detail::GitOdb& odb) {
  return detail::acquireGit<detail::GitRepository>(
      [&](git_repository** out) { return git_repository_wrap_odb(out, odb.get()); }, "reading objects");
}

}  // namespace

GitLibrary::GitLibrary() {
  if (git_libgit2_init() < 0) detail::throwGit(-1, "starting libgit2");
  // The machine's own git settings must not change what a push does.
  for (const int level : {GIT_CONFIG_LEVEL_SYSTEM, GIT_CONFIG_LEVEL_XDG, GIT_CONFIG_LEVEL_GLOBAL,
                          GIT_CONFIG_LEVEL_PROGRAMDATA}) {
    git_libgit2_opts(GIT_OPT_SET_SEARCH_PATH, level, "");
  }
  // What libgit2 writes is a quarantine's, of which nothing needs to last; accept() and the refs sync by
  // themselves.
  git_libgit2_opts(GIT_OPT_ENABLE_FSYNC_GITDIR, 0);
  git_libgit2_opts(GIT_OPT_SET_OWNER_VALIDATION, 1);
  // One cache for the whole process; a session's objects are of use to that session only.
  git_libgit2_opts(GIT_OPT_SET_CACHE_MAX_SIZE, static_cast<ssize_t>(32u << 20));
}

GitLibrary::~GitLibrary() {
  git_libgit2_shutdown();
}

void createRepository(const fs::path& path) {
  const fs::path parent = path.parent_path();
  std::string aside = (parent / ("." + path.filename().string() + ".XXXXXX")).string();
  if (::mkdtemp(aside.data()) == nullptr) base::throwErrno(errno, "making a repository");
  try {
    const fs::path folder = aside;
    for (const char* name : {"objects", "objects/info", "objects/pack", "refs", "refs/heads", "refs/tags"})
      makeFolder(folder / name);
    base::writeFileAtomically(folder / "HEAD", "ref: refs/heads/main\n");
    base::writeFileAtomically(folder / "config", kConfig);
    if (::chmod(aside.c_str(), 0755) != 0) base::throwErrno(errno, "making a repository");
    // renameat2 and not rename: an empty folder in the way must not be replaced.
    if (::syscall(SYS_renameat2, AT_FDCWD, aside.c_str(), AT_FDCWD, path.c_str(), RENAME_NOREPLACE) != 0) {
      if (errno == EEXIST)
        throw base::Error(base::Errc::alreadyExists, "there is a repository of that name already");
      base::throwErrno(errno, "making a repository");
    }
    base::fsyncFolder(parent);
  } catch (...) {
    base::removeTree(aside);
    throw;
  }
}

std::optional<std::string> readRef(const fs::path& repository, const std::string& ref) {
  return detail::readRefFile(repository, ref);
}

void updateRef(const fs::path& repository, const std::string& ref, const std::optional<std::string>& oldId,
               const std::string& newId) {
  checkObjectExists(repository, newId);
  detail::RefLock lock(repository, ref);
  const auto current = detail::readRefFile(repository, ref);
  if (current != oldId) {
    throw base::Error(base::Errc::conflict, ref + (current ? " has moved in the meantime: fetch first"
                                                           : " does not exist any more"));
  }
  lock.commit(newId + "\n");
}

void forceRef(const fs::path& repository, const std::string& ref, const std::string& newId) {
  checkObjectExists(repository, newId);
  detail::RefLock lock(repository, ref);
  lock.commit(newId + "\n");
}

void setHead(const fs::path& repository, const std::string& ref) {
  if (!detail::isRefName(ref))
    throw base::Error(base::Errc::invalidArgument, "not a ref name: " + base::printable(ref));
  detail::RefLock lock(repository, "HEAD");
  lock.commit("ref: " + ref + "\n");
}

bool isAncestor(const fs::path& repository, const Quarantine* quarantine, const std::string& ancestor,
                const std::string& commit) {
  const git_oid older = detail::parseOid(ancestor);
  const git_oid newer = detail::parseOid(commit);
  if (git_oid_equal(&older, &newer) != 0) return true;
  const detail::GitOdb odb = openView(repository, quarantine);
  const auto view = viewOf(odb);
  const int rc = git_graph_descendant_of(view.get(), &newer, &older);
  detail::checkGit(rc, "comparing commits");
  return rc == 1;
}

std::string commitSubject(const fs::path& repository, const Quarantine* quarantine,
                          const std::string& commit) {
  const git_oid oid = detail::parseOid(commit);
  const detail::GitOdb odb = openView(repository, quarantine);
  const auto view = viewOf(odb);
  const auto object = detail::acquireGit<detail::GitObject>(
      [&](git_object** out) { return git_object_lookup(out, view.get(), &oid, GIT_OBJECT_ANY); },
      "reading a commit");
  const auto peeled = detail::acquireGit<detail::GitCommit>(
      [&](git_commit** out) {
        return git_object_peel(reinterpret_cast<git_object**>(out), object.get(), GIT_OBJECT_COMMIT);
      },
      "reading a commit");
  const char* message = git_commit_message(peeled.get());
  const std::string_view text = base::trim(message ? message : "");
  return base::printable(text.substr(0, text.find('\n')), 200);
}

}  // namespace gitd
