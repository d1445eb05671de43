#include "gitd/repository.h"

#include "base/error.h"
#include "base/strings.h"
#include "git/commit.h"
#include "git/ref_name.h"
#include "git/ref_store.h"
#include "git/ref_transaction.h"

namespace gitd {
namespace {

namespace fs = std::filesystem;

constexpr int kLockPatienceMs = 1000;

git::ObjectId parseId(git::ObjectFormat format, const std::string& hex) {
  const auto id = git::ObjectId::parse(format, hex);
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

}  // namespace

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
  changeRef(opened, {ref, parseId(opened.format, newId),
                     oldId ? parseId(opened.format, *oldId) : git::ObjectId::null(opened.format)});
}

void forceRef(const fs::path& repository, const std::string& ref, const std::string& newId) {
  const git::Repository opened = git::openBareRepository(repository);
  changeRef(opened, {ref, parseId(opened.format, newId), std::nullopt});
}

void setHead(const fs::path& repository, const std::string& ref) {
  git::setSymbolicRef(git::openBareRepository(repository), "HEAD", ref);
}

std::unique_ptr<git::ObjectDatabase> openObjects(const fs::path& repository, const Quarantine* quarantine) {
  const git::Repository opened = git::openBareRepository(repository);
  return std::make_unique<git::ObjectDatabase>(
      git::DatabaseOptions{.objects = opened.objects(),
                           .quarantine = quarantine ? quarantine->objects() : fs::path(),
                           .format = opened.format});
}

git::ExportStats exportTree(const fs::path& repository, const Quarantine* quarantine,
                            const std::string& commit, const fs::path& folder,
                            const git::ExportOptions& options) {
  const auto objects = openObjects(repository, quarantine);
  return git::exportTree(*objects, git::treeOf(*objects, parseId(objects->format(), commit)), folder,
                         options);
}

bool isAncestor(const fs::path& repository, const Quarantine* quarantine, const std::string& ancestor,
                const std::string& commit) {
  if (ancestor == commit) return true;
  const auto objects = openObjects(repository, quarantine);
  return git::isAncestor(*objects, parseId(objects->format(), ancestor), parseId(objects->format(), commit));
}

}  // namespace gitd
