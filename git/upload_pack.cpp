#include "git/upload_pack.h"

#include "git/detail/fetch_v0.h"
#include "git/detail/serve_v2.h"
#include "git/object_database.h"

namespace git {

void uploadPack(Wire& wire, const UploadPackRun& run) {
  const ObjectDatabase objects(
      {.objects = run.repository.objects(), .quarantine = {}, .format = run.repository.format});
  const RefStore refs(run.repository);
  const detail::FetchContext context{wire, run, objects, refs};
  if (run.protocol == 2) {
    if (run.part != UploadPackPart::requestOnly) detail::advertiseV2(context);
    if (run.part == UploadPackPart::advertisement) return;
    return detail::serveV2(
        context, run.part == UploadPackPart::requestOnly ? detail::Commands::one : detail::Commands::all);
  }
  const detail::AdvertisedRefs shown(refs, objects, run.settings, detail::AdvertisedRefs::Peel::yes);
  if (run.part != UploadPackPart::requestOnly) detail::advertiseV0(context, shown);
  if (run.part != UploadPackPart::advertisement) detail::serveFetchV0(context, shown);
}

}  // namespace git
