// What commits say: their parents, their tree.
#pragma once

#include <vector>

#include "git/object_source.h"

namespace git {

/// The commit's parents; none for what is no commit or not there. Throws corrupt for a damaged object.
std::vector<ObjectId> commitParents(const ObjectSource& objects, const ObjectId& id);

/// Whether `ancestor` is reached from `descendant` by parents; false unless both are commits that are there.
bool isAncestor(const ObjectSource& objects, const ObjectId& ancestor, const ObjectId& descendant);

/// The tree of a commit, or of a tag on one. Throws corrupt when an object on the way is missing or damaged.
ObjectId treeOf(const ObjectSource& objects, const ObjectId& commit);

}  // namespace git
