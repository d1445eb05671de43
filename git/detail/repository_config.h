// A repository's settings, as git's configuration files give them. (git-config.)
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace git::detail {

/// Settings in the order in which they are read; the last one wins where only one counts. Keys are written as
/// "section.key" or "section.Sub.key", section and key in lower case. Immutable.
class RepositoryConfig {
 public:
  /// Reads the files that exist, the most general one first, with the files they include. Throws corrupt for
  /// a file that is none.
  explicit RepositoryConfig(const std::vector<std::filesystem::path>& files);

  std::optional<std::string> text(std::string_view key) const;
  std::vector<std::string> all(std::string_view key) const;
  /// As git reads booleans; throws invalidArgument naming the key for what is none.
  bool flag(std::string_view key, bool otherwise) const;
  std::optional<bool> tryFlag(std::string_view key) const;
  /// With k, m or g behind it; throws invalidArgument naming the key for what is none.
  std::int64_t number(std::string_view key, std::int64_t otherwise) const;
  /// Key (without the prefix) and value of everything whose key begins so.
  std::vector<std::pair<std::string, std::string>> below(std::string_view prefix) const;

 private:
  struct Entry {
    std::string key;
    std::optional<std::string> value;  // nullopt: a key alone, which means true
  };
  const Entry* last(std::string_view key) const;

  std::vector<Entry> entries_;
};

/// true, yes, on, 1 and other numbers; false, no, off, 0 and "".
std::optional<bool> parseConfigFlag(std::string_view value);

/// The files that git reads on this machine for a repository of that folder: the system's, the user's, its
/// own. Heeds GIT_CONFIG_NOSYSTEM, GIT_CONFIG_SYSTEM, GIT_CONFIG_GLOBAL, XDG_CONFIG_HOME and HOME.
std::vector<std::filesystem::path> configFiles(const std::filesystem::path& commonDir);

}  // namespace git::detail
