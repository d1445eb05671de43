// Reading commits as far as a push needs it.
#pragma once

#include <vector>

#include "git/object_source.h"

namespace git::detail {

/// The commit's parents; none for what is no commit or not there. Throws corrupt for a damaged object.
std::vector<ObjectId> commitParents(const ObjectSource& objects, const ObjectId& id);

/// Whether `ancestor` is reached from `descendant` by parents; false unless both are commits that are there.
bool isAncestor(const ObjectSource& objects, const ObjectId& ancestor, const ObjectId& descendant);

}  // namespace git::detail
