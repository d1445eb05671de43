// What a commit's text says of other objects.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "git/object_id.h"

namespace git::detail {

struct CommitText {
  ObjectId tree;
  std::vector<ObjectId> parents;
  std::uint64_t date = 0;  ///< the committer's, seconds; 0 when there is none
};

/// nullopt for what is no commit.
std::optional<CommitText> parseCommitText(ObjectFormat format, std::string_view text);

/// Takes "KEY REST\n" off the text; false when it begins with something else.
bool takeLine(std::string_view& text, std::string_view key, std::string_view& rest);

}  // namespace git::detail
