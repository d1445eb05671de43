#include "git/detail/advertised_refs.h"

#include "base/fd.h"
#include "base/strings.h"

namespace git::detail {

AdvertisedRefs::AdvertisedRefs(const RefStore& store, const ObjectDatabase& objects,
                               const UploadPackSettings& settings, Peel peelTags) {
  const Head head = store.head();
  // Not contains(): the pack may have come after the database was opened.
  if (head.id && objects.findHeader(*head.id)) {
    if (!settings.hiddenRefs.hides("HEAD")) {
      shown_.push_back({"HEAD", *head.id, std::nullopt, head.target});
      tips_.insert(*head.id);
    }
  } else if (!head.target.empty()) {
    unborn_ = head.target;
  }
  for (Ref& ref : store.list()) {
    const bool hidden = settings.hiddenRefs.hides(ref.name);
    if (!hidden || settings.allowHiddenTips) tips_.insert(ref.id);
    if (hidden) continue;
    ShownRef shown{std::move(ref.name), ref.id, std::nullopt, std::move(ref.target)};
    if (peelTags == Peel::yes) {
      shown.peeled = ref.peelKnown ? ref.peeled : peelTag(objects, ref.id);
    }
    shown_.push_back(std::move(shown));
  }
}

std::vector<std::pair<ObjectId, ObjectId>> AdvertisedRefs::tags() const {
  std::vector<std::pair<ObjectId, ObjectId>> tags;
  for (const ShownRef& ref : shown_) {
    if (ref.peeled && ref.name.starts_with("refs/tags/")) tags.emplace_back(ref.id, *ref.peeled);
  }
  return tags;
}

std::vector<ObjectId> readShallowBoundary(const Repository& repository) {
  const auto path = repository.commonDir / "shallow";
  std::error_code failure;
  std::vector<ObjectId> boundary;
  if (!std::filesystem::exists(path, failure)) return boundary;
  for (const std::string& line : base::split(base::readFile(path), '\n')) {
    if (const auto id = ObjectId::parse(repository.format, base::trim(line))) boundary.push_back(*id);
  }
  return boundary;
}

}  // namespace git::detail
