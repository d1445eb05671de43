#include "gitd/detail/pack_writer.h"

#include <exception>

#include "base/c_callback.h"
#include "base/error.h"
#include "gitd/detail/git.h"

namespace gitd::detail {
namespace {

/// What the builder's callbacks need.
struct Callback {
  base::ByteSink& out;
  const std::stop_token& stop;
  std::exception_ptr parked;
};

int onProgress(int, std::uint32_t, std::uint32_t, void* payload) {
  return static_cast<Callback*>(payload)->stop.stop_requested() ? GIT_EUSER : 0;
}

int onBytes(void* bytes, std::size_t size, void* payload) {
  auto& callback = *static_cast<Callback*>(payload);
  if (callback.stop.stop_requested()) return GIT_EUSER;
  return base::shielded(callback.parked, static_cast<int>(GIT_EUSER), [&] {
    callback.out.write({static_cast<const char*>(bytes), size});
    return 0;
  });
}

GitObject lookUp(git_repository* repository, const git_oid& id) {
  return acquireGit<GitObject>(
      [&](git_object** out) { return git_object_lookup(out, repository, &id, GIT_OBJECT_ANY); },
      "reading object " + toHex(id));
}

/// Adds what stands above commits (tags) and beside them (a tag of a tree) at once; commits begin a walk.
void addWant(git_repository* repository, git_packbuilder* builder, git_revwalk* walk, git_oid id) {
  while (true) {
    const GitObject object = lookUp(repository, id);
    switch (git_object_type(object.get())) {
      case GIT_OBJECT_COMMIT:
        checkGit(git_revwalk_push(walk, &id), "selecting objects");
        return;
      case GIT_OBJECT_TAG:
        checkGit(git_packbuilder_insert(builder, &id, nullptr), "selecting objects");
        id = *git_tag_target_id(reinterpret_cast<const git_tag*>(object.get()));
        break;
      default:
        checkGit(git_packbuilder_insert_recur(builder, &id, nullptr), "selecting objects");
        return;
    }
  }
}

}  // namespace

void writePack(git_repository* repository, const PackSelection& selection, base::ByteSink& out,
               const std::stop_token& stop) {
  const auto builder = acquireGit<GitPackbuilder>(
      [&](git_packbuilder** made) { return git_packbuilder_new(made, repository); }, "starting a pack");
  const auto walk = acquireGit<GitRevwalk>(
      [&](git_revwalk** made) { return git_revwalk_new(made, repository); }, "starting a pack");
  git_packbuilder_set_threads(builder.get(), 1);
  Callback callback{out, stop, nullptr};
  checkGit(git_packbuilder_set_callbacks(builder.get(), &onProgress, &callback), "starting a pack");
  for (const std::string& want : selection.wants)
    addWant(repository, builder.get(), walk.get(), parseOid(want));
  for (const std::string& have : selection.common) {
    const git_oid id = parseOid(have);
    checkGit(git_revwalk_hide(walk.get(), &id), "selecting objects");
  }
  checkGit(git_packbuilder_insert_walk(builder.get(), walk.get()), "selecting objects");
  const int rc = git_packbuilder_foreach(builder.get(), &onBytes, &callback);
  base::rethrowParked(callback.parked);
  checkGit(rc, "sending a pack");
}

}  // namespace gitd::detail
