#include "git/detail/repository_config.h"

#include <git2.h>

#include <algorithm>
#include <cctype>
#include <cstdlib>

#include "base/c_handle.h"
#include "base/error.h"
#include "base/strings.h"

namespace git::detail {
namespace {

namespace fs = std::filesystem;

using ConfigHandle = base::CHandle<git_config, &git_config_free>;
using IteratorHandle = base::CHandle<git_config_iterator, &git_config_iterator_free>;

class LibraryUse {
 public:
  LibraryUse() { git_libgit2_init(); }
  ~LibraryUse() { git_libgit2_shutdown(); }
  LibraryUse(const LibraryUse&) = delete;
  LibraryUse& operator=(const LibraryUse&) = delete;
};

[[noreturn]] void throwConfig(int rc) {
  const git_error* error = git_error_last();
  throw base::Error(rc == GIT_ENOTFOUND ? base::Errc::notFound : base::Errc::corrupt,
                    "reading the repository's config: " + std::string(error ? error->message : "unknown"));
}

void check(int rc) {
  if (rc < 0) throwConfig(rc);
}

[[noreturn]] void throwBad(std::string_view key, std::string_view value) {
  throw base::Error(base::Errc::invalidArgument,
                    "bad value '" + base::printable(value) + "' of the setting " + std::string(key));
}

bool equalsIgnoringCase(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](unsigned char x, unsigned char y) { return std::tolower(x) == std::tolower(y); });
}

std::optional<std::int64_t> parseConfigNumber(std::string_view text) {
  text = base::trim(text);
  const bool negative = text.starts_with('-');
  if (negative) text.remove_prefix(1);
  std::uint64_t unit = 1;
  if (!text.empty()) {
    switch (text.back()) {
      case 'k':
      case 'K':
        unit = 1ull << 10;
        break;
      case 'm':
      case 'M':
        unit = 1ull << 20;
        break;
      case 'g':
      case 'G':
        unit = 1ull << 30;
        break;
      default:
        break;
    }
    if (unit > 1) text.remove_suffix(1);
  }
  std::uint64_t value = 0;
  if (!base::parseNumber(text, value) || value > static_cast<std::uint64_t>(INT64_MAX) / unit)
    return std::nullopt;
  const auto number = static_cast<std::int64_t>(value * unit);
  return negative ? -number : number;
}

std::string variable(const char* name) {
  const char* value = std::getenv(name);
  return value ? value : "";
}

}  // namespace

std::optional<bool> parseConfigFlag(std::string_view value) {
  for (const char* word : {"true", "yes", "on"}) {
    if (equalsIgnoringCase(value, word)) return true;
  }
  for (const char* word : {"false", "no", "off", ""}) {
    if (equalsIgnoringCase(value, word)) return false;
  }
  const auto number = parseConfigNumber(value);
  return number ? std::optional(*number != 0) : std::nullopt;
}

RepositoryConfig::RepositoryConfig(const std::vector<fs::path>& files) {
  const LibraryUse library;
  for (const fs::path& file : files) {
    std::error_code failure;
    if (!fs::exists(file, failure)) continue;
    const auto config = base::acquire<ConfigHandle>(
        [&](git_config** out) { return git_config_open_ondisk(out, file.c_str()); },
        [](int rc, auto*) { throwConfig(rc); });
    const auto iterator = base::acquire<IteratorHandle>(
        [&](git_config_iterator** out) { return git_config_iterator_new(out, config.get()); },
        [](int rc, auto*) { throwConfig(rc); });
    while (true) {
      git_config_entry* entry = nullptr;
      const int rc = git_config_next(&entry, iterator.get());
      if (rc == GIT_ITEROVER) break;
      check(rc);
      entries_.push_back(
          {entry->name, entry->value ? std::optional<std::string>(entry->value) : std::nullopt});
    }
  }
}

const RepositoryConfig::Entry* RepositoryConfig::last(std::string_view key) const {
  const auto at =
      std::find_if(entries_.rbegin(), entries_.rend(), [&](const Entry& entry) { return entry.key == key; });
  return at == entries_.rend() ? nullptr : &*at;
}

std::optional<std::string> RepositoryConfig::text(std::string_view key) const {
  const Entry* entry = last(key);
  return entry ? std::optional(entry->value.value_or("")) : std::nullopt;
}

std::vector<std::string> RepositoryConfig::all(std::string_view key) const {
  std::vector<std::string> values;
  for (const Entry& entry : entries_) {
    if (entry.key == key) values.push_back(entry.value.value_or(""));
  }
  return values;
}

std::optional<bool> RepositoryConfig::tryFlag(std::string_view key) const {
  const Entry* entry = last(key);
  if (!entry) return std::nullopt;
  if (!entry->value) return true;
  const auto value = parseConfigFlag(*entry->value);
  if (!value) throwBad(key, *entry->value);
  return value;
}

bool RepositoryConfig::flag(std::string_view key, bool otherwise) const {
  return tryFlag(key).value_or(otherwise);
}

std::int64_t RepositoryConfig::number(std::string_view key, std::int64_t otherwise) const {
  const Entry* entry = last(key);
  if (!entry) return otherwise;
  const auto value = parseConfigNumber(entry->value.value_or(""));
  if (!value) throwBad(key, entry->value.value_or(""));
  return *value;
}

std::vector<std::pair<std::string, std::string>> RepositoryConfig::below(std::string_view prefix) const {
  std::vector<std::pair<std::string, std::string>> found;
  for (const Entry& entry : entries_) {
    if (entry.key.starts_with(prefix))
      found.emplace_back(entry.key.substr(prefix.size()), entry.value.value_or(""));
  }
  return found;
}

std::vector<fs::path> configFiles(const fs::path& commonDir) {
  std::vector<fs::path> files;
  const std::string home = variable("HOME");
  if (!parseConfigFlag(variable("GIT_CONFIG_NOSYSTEM")).value_or(false)) {
    const std::string system = variable("GIT_CONFIG_SYSTEM");
    files.emplace_back(system.empty() ? "/etc/gitconfig" : system);
  }
  if (const std::string global = variable("GIT_CONFIG_GLOBAL"); !global.empty()) {
    files.emplace_back(global);
  } else {
    const std::string xdg = variable("XDG_CONFIG_HOME");
    if (!xdg.empty()) {
      files.push_back(fs::path(xdg) / "git/config");
    } else if (!home.empty()) {
      files.push_back(fs::path(home) / ".config/git/config");
    }
    if (!home.empty()) files.push_back(fs::path(home) / ".gitconfig");
  }
  files.push_back(commonDir / "config");
  return files;
}

}  // namespace git::detail
