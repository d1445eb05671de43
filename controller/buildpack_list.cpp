#include "controller/buildpack_list.h"

#include "base/error.h"
#include "builder/builder.h"

namespace controller {

void checkBuildpack(const std::string& source) {
  constexpr std::size_t kMaxSourceBytes = 2048;
  if (source.size() > kMaxSourceBytes)
    throw base::Error(base::Errc::invalidArgument, "a buildpack's URL may have at most 2048 bytes");
  builder::checkBuildpackSource(source);
}

void setBuildpacks(store::ReleaseStore& store, const store::App& app,
                   const std::vector<std::string>& sources) {
  if (sources.size() > kMaxBuildpacks)
    throw base::Error(base::Errc::invalidArgument, "an app may have at most 20 buildpacks");
  for (const std::string& source : sources)
    checkBuildpack(source);
  store.setBuildpacks(app.id, sources);
}

}  // namespace controller
