#include "builder/available_buildpacks.h"

#include "builder/detail/buildpack_library.h"

namespace builder {

std::vector<BuildpackInfo> availableBuildpacks(const std::filesystem::path& folder) {
  return detail::BuildpackLibrary(folder).list();
}

}  // namespace builder
