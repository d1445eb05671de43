// A pack's index. (gitformat-pack, "Version 2 pack-*.idx files".)
#pragma once

#include "git/detail/incoming_entries.h"
#include "git/detail/incoming_file.h"
#include "git/object_id.h"

namespace git::detail {

/// Writes the index of a pack, whose last bytes are `packHash`, to `file`. `entries` are sorted by id.
void writeIndex(const IncomingEntries& entries, const ObjectId& packHash, IncomingFile& file);

}  // namespace git::detail
