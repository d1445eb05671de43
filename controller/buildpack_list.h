// An app's list of buildpacks: what commands and the API both do.
#pragma once

#include <string>
#include <vector>

#include "store/release_store.h"

namespace controller {

constexpr std::size_t kMaxBuildpacks = 20;

/// Throws invalidArgument for a source that is none.
void checkBuildpack(const std::string& source);
/// Checks all and puts them in the place of the list; throws invalidArgument.
void setBuildpacks(store::ReleaseStore& store, const store::App& app,
                   const std::vector<std::string>& sources);

}  // namespace controller
