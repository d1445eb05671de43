// A pack for a client that clones or fetches. (gitformat-pack.)
#pragma once

#include <git2/types.h>

#include <stop_token>
#include <string>
#include <vector>

#include "base/byte_sink.h"

namespace gitd::detail {

struct PackSelection {
  std::vector<std::string> wants;   ///< ids of commits, tags, trees or blobs that exist
  std::vector<std::string> common;  ///< ids of commits that the client has with all that they lead to
};

/// Writes what the wants lead to and the client lacks, as one pack, to `out`. Blocks when `out` does; memory
/// grows with the number of objects, not with their size. Throws cancelled, corrupt, or what `out` throws.
void writePack(git_repository* repository, const PackSelection& selection, base::ByteSink& out,
               const std::stop_token& stop);

}  // namespace gitd::detail
