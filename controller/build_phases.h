// The phases of a build as people are shown them.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "store/model.h"

namespace controller {

/// The phases that the build went through with their milliseconds, in the order in which they come; together
/// all of its time from the pack's first byte to the end of the launch.
std::vector<std::pair<std::string, std::int64_t>> phasesInOrder(const store::Build& build);

/// What a push costs beside the buildpacks: the milliseconds from the last byte received to the image
/// committed, without waiting for other builds and without what ran in the phases' containers.
std::int64_t ownMs(const store::Build& build);

}  // namespace controller
