#include "git/check_connected.h"

#include "base/error.h"
#include "git/detail/pack_plan.h"
#include "git/detail/shallow_file.h"
#include "git/ref_store.h"

namespace git {

std::uint64_t checkConnected(const Repository& repository, const std::stop_token& stop) {
  const ObjectDatabase objects(
      {.objects = repository.objects(), .quarantine = {}, .format = repository.format});
  detail::History history(objects, detail::readShallowFile(repository.commonDir, repository.format));
  detail::PackSelection selection;
  for (const Ref& ref : RefStore(repository).list()) {
    if (!objects.contains(ref.id))
      throw base::Error(base::Errc::corrupt, ref.name + " names " + ref.id.hex() + ", which is not there");
    selection.wants.push_back(ref.id);
  }
  const detail::PackPlan plan = detail::planPack(history, selection, {.stop = stop, .onProgress = {}});
  for (const ObjectId& id : plan.selected.others()) {
    if (!objects.contains(id)) throw base::Error(base::Errc::corrupt, "object " + id.hex() + " is missing");
  }
  return plan.selected.size();
}

}  // namespace git
