// .slugignore: files that the build shall not see.
#pragma once

#include <cstddef>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace builder::detail {

/// Patterns of a .slugignore file. Blank lines and # comments are skipped; a pattern with a '/' (other than
/// at its end) counts from the root, one without matches at any depth; '*', '?' and [a-z] stay within a name,
/// '**' spans folders; a trailing '/' matches folders only; there is no negation. Immutable value. (Heroku
/// Dev Center, Slug Compiler.)
class SlugIgnore {
 public:
  /// At most 1000 patterns are kept.
  static SlugIgnore parse(std::string_view text);

  enum class Kind { file, folder };
  /// `path` is relative, with '/' between names. Takes time in proportion to the lengths' product: no pattern
  /// can stall the caller.
  bool matches(std::string_view path, Kind kind) const;
  bool empty() const noexcept { return patterns_.empty(); }

 private:
  struct Pattern {
    std::vector<std::string> names;
    bool foldersOnly = false;
  };
  std::vector<Pattern> patterns_;
};

/// Removes what matches below `root`, folders with all that is in them. Never follows a symlink. Returns how
/// many matches there were.
std::size_t removeIgnored(const std::filesystem::path& root, const SlugIgnore& ignore);

}  // namespace builder::detail
