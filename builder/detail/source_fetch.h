// The download of a source tarball, as a phase of its own.
#pragma once

#include <optional>
#include <stop_token>

#include "builder/build_output.h"
#include "builder/builder.h"
#include "builder/detail/build_run.h"

namespace builder::detail {

/// Runs curl in a container with the build's network, limits and proxy, and moves what came to
/// `fetch.target`. Gives what stops the build, or nothing.
std::optional<BuildStop> fetchSource(const BuildParts& parts, const BuildInput& input,
                                     const SourceFetch& fetch, BuildOutput& output, std::stop_token stop);

}  // namespace builder::detail
