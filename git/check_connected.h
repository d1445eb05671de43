// Whether all is there that a repository's refs lead to.
#pragma once

#include <cstdint>
#include <stop_token>

#include "git/repository.h"

namespace git {

/// Walks from every ref through commits and trees; each object must be there, and commits and trees readable.
/// What blobs say is not looked at. Returns the number of objects. Throws corrupt, naming the object, and
/// cancelled.
std::uint64_t checkConnected(const Repository& repository, const std::stop_token& stop);

}  // namespace git
