#include "builder/detail/slugignore.h"

#include <algorithm>

#include "base/atomic_file.h"
#include "base/strings.h"

namespace builder::detail {
namespace {

constexpr std::size_t kMaxPatterns = 1000;

/// Matches one byte against the class that starts at glob[at] ('['); moves `at` behind it. A class without
/// its ']' is a plain '['.
bool matchClass(std::string_view glob, std::size_t& at, char byte) {
  std::size_t i = at + 1;
  const bool negated = i < glob.size() && (glob[i] == '!' || glob[i] == '^');
  if (negated) ++i;
  const std::size_t first = i;
  bool found = false;
  for (; i < glob.size() && (glob[i] != ']' || i == first); ++i) {
    if (i + 2 < glob.size() && glob[i + 1] == '-' && glob[i + 2] != ']') {
      found = found || (glob[i] <= byte && byte <= glob[i + 2]);
      i += 2;
    } else {
      found = found || glob[i] == byte;
    }
  }
  if (i >= glob.size()) {
    ++at;
    return byte == '[';
  }
  at = i + 1;
  return found != negated;
}

/// Matches the one-byte element at glob[at]; moves `at` behind it when it fits.
bool matchOne(std::string_view glob, std::size_t& at, char byte) {
  if (at >= glob.size()) return false;
  std::size_t next = at;
  bool fits = false;
  if (glob[at] == '[') {
    fits = matchClass(glob, next, byte);
  } else if (glob[at] == '\\' && at + 1 < glob.size()) {
    fits = glob[at + 1] == byte;
    next = at + 2;
  } else {
    fits = glob[at] == '?' || glob[at] == byte;
    next = at + 1;
  }
  if (fits) at = next;
  return fits;
}

/// Glob within one name. Only the last star is ever reconsidered: that is enough, and keeps the time
/// quadratic.
bool matchName(std::string_view glob, std::string_view name) {
  std::size_t at = 0;
  std::size_t starAt = glob.npos;
  std::size_t starName = 0;
  for (std::size_t i = 0; i < name.size();) {
    if (at < glob.size() && glob[at] == '*') {
      starAt = ++at;
      starName = i;
    } else if (matchOne(glob, at, name[i])) {
      ++i;
    } else if (starAt != glob.npos) {
      at = starAt;
      i = ++starName;
    } else {
      return false;
    }
  }
  while (at < glob.size() && glob[at] == '*')
    ++at;
  return at == glob.size();
}

/// The same one level up: names instead of bytes, "**" instead of '*'.
bool matchNames(const std::vector<std::string>& globs, const std::vector<std::string>& names) {
  std::size_t at = 0;
  std::size_t starAt = std::string::npos;
  std::size_t starName = 0;
  for (std::size_t i = 0; i < names.size();) {
    if (at < globs.size() && globs[at] == "**") {
      starAt = ++at;
      starName = i;
    } else if (at < globs.size() && matchName(globs[at], names[i])) {
      ++at;
      ++i;
    } else if (starAt != std::string::npos) {
      at = starAt;
      i = ++starName;
    } else {
      return false;
    }
  }
  while (at < globs.size() && globs[at] == "**")
    ++at;
  return at == globs.size();
}

std::size_t removeBelow(const std::filesystem::path& folder, const std::string& prefix,
                        const SlugIgnore& ignore) {
  std::size_t removed = 0;
  std::vector<std::filesystem::directory_entry> entries;  // first all names, for the folder changes
  for (const auto& entry : std::filesystem::directory_iterator(folder))
    entries.push_back(entry);
  for (const auto& entry : entries) {
    const std::string path = prefix + entry.path().filename().string();
    const bool isFolder = entry.symlink_status().type() == std::filesystem::file_type::directory;
    if (ignore.matches(path, isFolder ? SlugIgnore::Kind::folder : SlugIgnore::Kind::file)) {
      base::removeTree(entry.path());
      ++removed;
    } else if (isFolder) {
      removed += removeBelow(entry.path(), path + "/", ignore);
    }
  }
  return removed;
}

}  // namespace

SlugIgnore SlugIgnore::parse(std::string_view text) {
  SlugIgnore ignore;
  for (const auto& whole : base::split(text, '\n')) {
    auto line = base::trim(whole);
    if (line.empty() || line.starts_with('#')) continue;
    Pattern pattern;
    while (line.ends_with('/')) {
      pattern.foldersOnly = true;
      line.remove_suffix(1);
    }
    const bool anywhere = line.find('/') == line.npos;
    if (anywhere) pattern.names.emplace_back("**");
    for (const auto& name : base::split(line, '/')) {
      if (!name.empty() && name != ".") pattern.names.push_back(name);
    }
    // "/", "**" and the like name the root itself, which is never removed.
    const auto isAny = [](const std::string& name) { return name == "**"; };
    if (std::all_of(pattern.names.begin(), pattern.names.end(), isAny)) continue;
    if (ignore.patterns_.size() < kMaxPatterns) ignore.patterns_.push_back(std::move(pattern));
  }
  return ignore;
}

bool SlugIgnore::matches(std::string_view path, Kind kind) const {
  const auto names = base::split(path, '/');
  for (const auto& pattern : patterns_) {
    if (pattern.foldersOnly && kind != Kind::folder) continue;
    if (matchNames(pattern.names, names)) return true;
  }
  return false;
}

std::size_t removeIgnored(const std::filesystem::path& root, const SlugIgnore& ignore) {
  return ignore.empty() ? 0 : removeBelow(root, "", ignore);
}

}  // namespace builder::detail
