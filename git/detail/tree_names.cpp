#include "git/detail/tree_names.h"

#include <algorithm>
#include <array>
#include <string>

namespace git::detail {
namespace {

/// Length of the code point at the front if HFS+ ignores it when it compares names, else 0. (Apple TN1150.)
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

char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

/// The name as the most forgiving file system sees it.
std::string fold(std::string_view name) {
  std::string folded;
  while (!name.empty()) {
    if (const std::size_t skip = ignorableLength(name); skip > 0) {
      name.remove_prefix(skip);
      continue;
    }
    folded.push_back(lower(name.front()));
    name.remove_prefix(1);
  }
  folded.resize(std::min(folded.find(':'), folded.size()));
  while (folded.ends_with('.') || folded.ends_with(' '))
    folded.pop_back();
  return folded;
}

struct Spelling {
  SpecialName name;
  std::string_view full;
  std::string_view shortened;  ///< the six characters that an NTFS short name begins with
  std::string_view hashed;     ///< and those it falls back to when the first are taken
};

constexpr std::array<Spelling, 4> kSpellings = {{
    {SpecialName::gitmodules, ".gitmodules", "gitmod", "gi7eba"},
    {SpecialName::gitattributes, ".gitattributes", "gitatt", "gi7d29"},
    {SpecialName::gitignore, ".gitignore", "gitign", "gi250a"},
    {SpecialName::mailmap, ".mailmap", "mailma", "maba30"},
}};

/// "gi7eba~1", and with more digits "gi7e~123": eight characters in all.
bool isHashedShortName(std::string_view folded, std::string_view hashed) {
  const std::size_t tilde = folded.find('~');
  if (folded.size() != 8 || tilde > 6 || folded.substr(0, tilde) != hashed.substr(0, tilde)) return false;
  const std::string_view digits = folded.substr(tilde + 1);
  return digits.front() != '0' &&
         std::all_of(digits.begin(), digits.end(), [](char c) { return c >= '0' && c <= '9'; });
}

SpecialName classify(std::string_view part) {
  const std::string folded = fold(part);
  if (folded == ".git" || folded == "git~1") return SpecialName::dotgit;
  for (const Spelling& spelling : kSpellings) {
    if (folded == spelling.full) return spelling.name;
    if (folded.size() == 8 && folded.starts_with(spelling.shortened) && folded[6] == '~' &&
        folded[7] >= '1' && folded[7] <= '4')
      return spelling.name;
    if (isHashedShortName(folded, spelling.hashed)) return spelling.name;
  }
  return SpecialName::none;
}

/// Nearly every name in the world is ordinary: those begin otherwise and hold no backslash.
bool mayBeSpecial(std::string_view name) {
  if (name.empty()) return false;
  switch (name.front()) {
    case '.':
    case 'g':
    case 'G':
    case 'm':
    case 'M':
    case '~':
    case '\xe2':
    case '\xef':
      return true;
    default:
      return name.find('\\') != std::string_view::npos;
  }
}

/// Of those that begin with a letter, only short names are special.
bool isOrdinaryWord(std::string_view name) {
  const char first = lower(name.front());
  return (first == 'g' || first == 'm') && name.find('~') == std::string_view::npos &&
         name.find('\\') == std::string_view::npos && name.find('\xe2') == std::string_view::npos &&
         name.find('\xef') == std::string_view::npos;
}

}  // namespace

SpecialName specialName(std::string_view name) {
  if (!mayBeSpecial(name) || isOrdinaryWord(name)) return SpecialName::none;
  SpecialName found = SpecialName::none;
  while (true) {
    const std::size_t backslash = name.find('\\');
    const SpecialName part = classify(name.substr(0, backslash));
    if (part == SpecialName::dotgit) return part;
    if (found == SpecialName::none) found = part;
    if (backslash == std::string_view::npos) return found;
    name.remove_prefix(backslash + 1);
  }
}

}  // namespace git::detail
