#include "gitd/detail/ref_advertisement.h"

#include <algorithm>

#include "gitd/detail/git.h"

namespace gitd::detail {

std::vector<AdvertisedRef> listRefs(git_repository* repository, Peel peel) {
  const auto iterator = acquireGit<GitReferenceIterator>(
      [&](git_reference_iterator** out) { return git_reference_iterator_new(out, repository); },
      "listing refs");
  std::vector<AdvertisedRef> refs;
  while (true) {
    git_reference* raw = nullptr;
    const int rc = git_reference_next(&raw, iterator.get());
    const GitReference found(raw);
    if (rc == GIT_ITEROVER) break;
    checkGit(rc, "listing refs");
    git_reference* rawDirect = nullptr;
    if (git_reference_resolve(&rawDirect, found.get()) != 0) continue;
    const GitReference direct(rawDirect);
    AdvertisedRef ref{git_reference_name(found.get()), toHex(*git_reference_target(direct.get())),
                      std::nullopt};
    if (peel == Peel::yes) {
      git_object* rawPeeled = nullptr;
      if (git_reference_peel(&rawPeeled, direct.get(), GIT_OBJECT_ANY) == 0) {
        const GitObject object(rawPeeled);
        const std::string id = toHex(*git_object_id(object.get()));
        if (id != ref.id) ref.peeled = id;
      }
    }
    refs.push_back(std::move(ref));
  }
  std::sort(refs.begin(), refs.end(),
            [](const AdvertisedRef& a, const AdvertisedRef& b) { return a.name < b.name; });
  return refs;
}

std::optional<std::string> headTarget(git_repository* repository) {
  const auto head = acquireGit<GitReference>(
      [&](git_reference** out) { return git_reference_lookup(out, repository, "HEAD"); }, "reading HEAD");
  const char* target = git_reference_symbolic_target(head.get());
  return target ? std::optional<std::string>(target) : std::nullopt;
}

}  // namespace gitd::detail
