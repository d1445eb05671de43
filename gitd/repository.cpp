#include "gitd/repository.h"

#include "base/error.h"
#include "base/strings.h"
#include "git/object_database.h"
#include "git/ref_name.h"
#include "git/ref_store.h"
#include "git/ref_transaction.h"
#include "gitd/detail/git.h"

namespace gitd {
namespace {

namespace fs = std::filesystem;

constexpr int kLockPatienceMs = 1000;

git::ObjectId parseId(const git::Repository& repository, const std::string& hex) {
  const auto id = git::ObjectId::parse(repository.format, hex);
  if (!id) throw base::Error(base::Errc::invalidArgument, "not an object id: " + base::printable(hex));
  return *id;
}

/// Alone, after looking that the object is there: a ref to nothing is the one damage that git cannot look
/// past.
void changeRef(const git::Repository& repository, const git::RefChange& change) {
  if (!git::isRefName(change.name))
    throw base::Error(base::Errc::invalidArgument, "not a ref name: " + base::printable(change.name));
  const git::ObjectDatabase objects(
      {.objects = repository.objects(), .quarantine = {}, .format = repository.format});
  if (!objects.contains(change.newId))
    throw base::Error(base::Errc::notFound, "no object " + change.newId.hex() + " in the repository");
  git::RefStore refs(repository);
  git::RefTransactionOptions options;
  options.lockTimeoutMs = kLockPatienceMs;
  const auto failure = git::changeRefs(refs, {change}, git::RefMode::each, options).front();
  if (!failure) return;
  if (failure->kind == git::RefFailure::Kind::moved) {
    throw base::Error(base::Errc::conflict,
                      change.name + (refs.resolve(change.name) ? " has moved in the meantime: fetch first"
                                                               : " does not exist any more"));
  }
  throw base::Error(base::Errc::conflict, failure->text);
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

void sweepQuarantines(const fs::path& repository) {
  git::sweepQuarantines(repository);
  git::recoverRefTransactions(git::openBareRepository(repository));
}

std::optional<std::string> readRef(const fs::path& repository, const std::string& ref) {
  const auto id = git::RefStore(git::openBareRepository(repository)).resolve(ref);
  return id ? std::optional(id->hex()) : std::nullopt;
}

void updateRef(const fs::path& repository, const std::string& ref, const std::optional<std::string>& oldId,
               const std::string& newId) {
  const git::Repository opened = git::openBareRepository(repository);
  changeRef(opened, {ref, parseId(opened, newId),
                     oldId ? parseId(opened, *oldId) : git::ObjectId::null(opened.format)});
}

void forceRef(const fs::path& repository, const std::string& ref, const std::string& newId) {
  const git::Repository opened = git::openBareRepository(repository);
  changeRef(opened, {ref, parseId(opened, newId), std::nullopt});
}

void setHead(const fs::path& repository, const std::string& ref) {
  git::setSymbolicRef(git::openBareRepository(repository), "HEAD", ref);
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
