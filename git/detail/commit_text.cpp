#include "git/detail/commit_text.h"

#include <algorithm>
#include <charconv>

namespace git::detail {
namespace {

std::uint64_t committerDate(std::string_view line) {
  // "NAME <EMAIL> SECONDS ZONE"
  const std::size_t close = line.rfind('>');
  if (close == std::string_view::npos) return 0;
  line.remove_prefix(close + 1);
  line.remove_prefix(std::min(line.find_first_not_of(' '), line.size()));
  std::uint64_t seconds = 0;
  std::from_chars(line.data(), line.data() + line.size(), seconds);
  return seconds;
}

}  // namespace

bool takeLine(std::string_view& text, std::string_view key, std::string_view& rest) {
  if (!text.starts_with(key)) return false;
  const std::size_t end = text.find('\n');
  if (end == std::string_view::npos) return false;
  rest = text.substr(key.size(), end - key.size());
  text.remove_prefix(end + 1);
  return true;
}

std::optional<CommitText> parseCommitText(ObjectFormat format, std::string_view text) {
  CommitText commit;
  std::string_view rest;
  if (!takeLine(text, "tree ", rest)) return std::nullopt;
  const auto tree = ObjectId::parse(format, rest);
  if (!tree) return std::nullopt;
  commit.tree = *tree;
  while (takeLine(text, "parent ", rest)) {
    const auto parent = ObjectId::parse(format, rest);
    if (!parent) return std::nullopt;
    commit.parents.push_back(*parent);
  }
  if (takeLine(text, "author ", rest) && takeLine(text, "committer ", rest))
    commit.date = committerDate(rest);
  return commit;
}

}  // namespace git::detail
