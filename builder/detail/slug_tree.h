// Whether a build folder can become a slug.
#pragma once

#include <filesystem>
#include <optional>
#include <stop_token>

#include "builder/builder.h"
#include "builder/detail/phase.h"

namespace builder::detail {

/// Before a byte of it is read: too large (a hole in a file is read like any other part of it), too many
/// entries, or a path that nobody could unpack; nullopt when it may be packed.
std::optional<BuildStop> refuseSlugTree(const std::filesystem::path& folder, const BuildLimits& limits,
                                        const std::stop_token& stop);

}  // namespace builder::detail
