#include "gitd/detail/tree_rules.h"

#include <algorithm>
#include <array>
#include <vector>

namespace gitd::detail {
namespace {

constexpr std::size_t kMaxModeDigits = 8;
constexpr std::size_t kMaxName = 4096;  // git's largePathname

std::optional<EntryKind> kindOf(unsigned mode) {
  switch (mode & 0170000u) {
    case 0040000u:
      return EntryKind::folder;
    case 0100000u:
      return (mode & 0100u) != 0 ? EntryKind::executable : EntryKind::file;
    case 0120000u:
      return EntryKind::symlink;
    case 0160000u:
      return EntryKind::gitlink;
    default:
      return std::nullopt;
  }
}

/// Length of the code point at the front if HFS+ ignores it when it compares names, else 0. (Apple TN1150;
/// git's utf8.c.)
std::size_t ignorableLength(std::string_view text) {
  if (text.size() < 3) return 0;
  const auto first = static_cast<unsigned char>(text[0]);
  const auto second = static_cast<unsigned char>(text[1]);
  const auto third = static_cast<unsigned char>(text[2]);
  if (first == 0xef) return second == 0xbb && third == 0xbf ? 3 : 0;  // U+FEFF
  if (first != 0xe2) return 0;
  const bool joiners = second == 0x80 && third >= 0x8c && third <= 0x8f;     // U+200C..200F
  const bool directions = second == 0x80 && third >= 0xaa && third <= 0xae;  // U+202A..202E
  const bool deprecated = second == 0x81 && third >= 0xaa && third <= 0xaf;  // U+206A..206F
  return joiners || directions || deprecated ? 3 : 0;
}

/// The name as the most forgiving file system sees it.
std::string fold(std::string_view name) {
  std::string folded;
  while (!name.empty()) {
    if (const std::size_t skip = ignorableLength(name); skip > 0) {
      name.remove_prefix(skip);
      continue;
    }
    const char c = name.front();
    folded.push_back(c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c);
    name.remove_prefix(1);
  }
  folded.resize(std::min(folded.find(':'), folded.size()));
  while (folded.ends_with('.') || folded.ends_with(' '))
    folded.pop_back();
  return folded;
}

bool isDotGitmodules(std::string_view name) {
  const std::string folded = fold(name);
  if (folded == ".gitmodules") return true;
  return folded.size() == 8 && (folded.starts_with("gitmod~") || folded.starts_with("gi7eba~")) &&
         folded[7] >= '1' && folded[7] <= '9';
}

/// git's order: as if a folder's name ended in '/'.
int compareEntries(const TreeEntry& a, const TreeEntry& b) {
  const std::size_t common = std::min(a.name.size(), b.name.size());
  if (const int order = a.name.substr(0, common).compare(b.name.substr(0, common)); order != 0) return order;
  const auto next = [common](const TreeEntry& entry) {
    if (common < entry.name.size()) return static_cast<int>(static_cast<unsigned char>(entry.name[common]));
    return entry.kind == EntryKind::folder ? static_cast<int>('/') : 0;
  };
  return next(a) - next(b);
}

/// A file "a" and a folder "a" need not stand side by side: "a", "a.c", "a/". `files` are those whose name
/// the entries since then all begin with; in a sorted tree no other can be repeated.
bool repeatsAFile(std::vector<std::string_view>& files, const TreeEntry& entry) {
  while (!files.empty() && !entry.name.starts_with(files.back()))
    files.pop_back();
  if (entry.kind == EntryKind::folder) return !files.empty() && files.back() == entry.name;
  files.push_back(entry.name);
  return false;
}

std::string checkEntry(const TreeEntry& entry) {
  if (entry.name.empty()) return "emptyName";
  if (entry.name == ".") return "hasDot";
  if (entry.name == "..") return "hasDotdot";
  if (entry.name.find('/') != std::string_view::npos) return "fullPathname";
  if (isDotGit(entry.name)) return "hasDotgit";
  if (entry.name.size() > kMaxName) return "largePathname";
  if (git_oid_is_zero(&entry.id)) return "nullSha1";
  if (entry.kind == EntryKind::symlink && isDotGitmodules(entry.name)) return "gitmodulesSymlink";
  return {};
}

}  // namespace

std::optional<TreeEntry> TreeReader::next() {
  if (rest_.empty() || malformed_) return std::nullopt;
  unsigned mode = 0;
  std::size_t at = 0;
  for (; at < rest_.size() && rest_[at] != ' '; ++at) {
    if (at == kMaxModeDigits || rest_[at] < '0' || rest_[at] > '7') return fail();
    mode = mode * 8 + static_cast<unsigned>(rest_[at] - '0');
  }
  const std::size_t end = rest_.find('\0');
  if (at == 0 || end == std::string_view::npos || end < at + 1 || rest_.size() - end - 1 < GIT_OID_RAWSZ)
    return fail();
  TreeEntry entry;
  const auto kind = kindOf(mode);
  if (!kind) return fail();
  entry.kind = *kind;
  entry.name = rest_.substr(at + 1, end - at - 1);
  git_oid_fromraw(&entry.id, reinterpret_cast<const unsigned char*>(rest_.data() + end + 1));
  rest_.remove_prefix(end + 1 + GIT_OID_RAWSZ);
  return entry;
}

bool isDotGit(std::string_view name) {
  // A backslash separates folders on Windows, so every part counts.
  while (true) {
    const std::size_t backslash = name.find('\\');
    const std::string folded = fold(name.substr(0, backslash));
    if (folded == ".git" || folded == "git~1") return true;
    if (backslash == std::string_view::npos) return false;
    name.remove_prefix(backslash + 1);
  }
}

std::string checkTree(std::string_view bytes) {
  TreeReader reader(bytes);
  std::optional<TreeEntry> previous;
  std::vector<std::string_view> files;
  while (const auto entry = reader.next()) {
    if (std::string finding = checkEntry(*entry); !finding.empty()) return finding;
    if (previous) {
      const int order = compareEntries(*previous, *entry);
      if (order == 0 || previous->name == entry->name) return "duplicateEntries";
      if (order > 0) return "treeNotSorted";
    }
    if (repeatsAFile(files, *entry)) return "duplicateEntries";
    previous = entry;
  }
  return reader.malformed() ? "badTree" : "";
}

}  // namespace gitd::detail
