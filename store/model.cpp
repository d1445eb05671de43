#include "store/model.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstddef>

#include "base/error.h"

namespace store {
namespace {

constexpr std::size_t kMaxAppName = 30;
constexpr std::size_t kMaxRepositoryName = 255;
constexpr std::size_t kMaxTag = 128;
// "stacks" holds the stacks' repositories, "v2" is the registry's path, "fairlead" the API's own.
constexpr std::array<std::string_view, 3> kReservedNames = {"stacks", "v2", "fairlead"};

bool isLower(char c) {
  return c >= 'a' && c <= 'z';
}
bool isDigit(char c) {
  return c >= '0' && c <= '9';
}
bool isLowerOrDigit(char c) {
  return isLower(c) || isDigit(c);
}

bool isReserved(std::string_view text) {
  return std::find(kReservedNames.begin(), kReservedNames.end(), text) != kReservedNames.end();
}

bool isAppNameShaped(std::string_view text) {
  if (text.empty() || text.size() > kMaxAppName || !isLower(text.front()) || text.back() == '-') return false;
  return std::all_of(text.begin(), text.end(), [](char c) { return isLowerOrDigit(c) || c == '-'; });
}

// [a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*
bool isNameComponent(std::string_view text) {
  std::size_t at = 0;
  while (true) {
    const std::size_t wordStart = at;
    while (at < text.size() && isLowerOrDigit(text[at]))
      ++at;
    if (at == wordStart) return false;
    if (at == text.size()) return true;
    const std::size_t separatorStart = at;
    while (at < text.size() && text[at] == text[separatorStart])
      ++at;
    const std::size_t length = at - separatorStart;
    const char separator = text[separatorStart];
    const bool allowed =
        separator == '-' || (separator == '_' && length <= 2) || (separator == '.' && length == 1);
    if (!allowed) return false;
  }
}

bool isRepositoryName(std::string_view text) {
  if (text.size() > kMaxRepositoryName) return false;
  while (true) {
    const std::size_t slash = text.find('/');
    if (!isNameComponent(text.substr(0, slash))) return false;
    if (slash == std::string_view::npos) return true;
    text.remove_prefix(slash + 1);
  }
}

}  // namespace

AppName AppName::parse(std::string_view text) {
  if (auto name = tryParse(text)) return *std::move(name);
  if (isReserved(text)) {
    throw base::Error(base::Errc::invalidArgument,
                      "Name " + std::string(text) + " is reserved; choose another one");
  }
  throw base::Error(
      base::Errc::invalidArgument,
      "Name must start with a letter, end with a letter or digit, contain only lowercase letters, "
      "digits and dashes, and be at most 30 characters long");
}

std::optional<AppName> AppName::tryParse(std::string_view text) noexcept {
  if (!isAppNameShaped(text) || isReserved(text)) return std::nullopt;
  return AppName(std::string(text));
}

ReleaseVersion ReleaseVersion::parse(std::string_view text) {
  std::string_view digits = text;
  if (digits.starts_with('v')) digits.remove_prefix(1);
  ReleaseVersion version;
  const char* end = digits.data() + digits.size();
  // A leading zero would give one release two names; it also catches 0, and '-' is no digit.
  const bool shaped = !digits.empty() && isDigit(digits.front()) && digits.front() != '0';
  const auto [stop, error] = shaped ? std::from_chars(digits.data(), end, version.number)
                                    : std::from_chars_result{digits.data(), std::errc::invalid_argument};
  if (error != std::errc() || stop != end) {
    throw base::Error(base::Errc::invalidArgument,
                      "A release is written as v and its number, for example v3");
  }
  return version;
}

RepositoryName RepositoryName::parse(std::string_view text) {
  if (auto name = tryParse(text)) return *std::move(name);
  throw base::Error(
      base::Errc::invalidArgument,
      "A repository's name is words of lowercase letters and digits, joined by '/', '.', '_' or '-', "
      "at most 255 characters long");
}

std::optional<RepositoryName> RepositoryName::tryParse(std::string_view text) noexcept {
  if (!isRepositoryName(text)) return std::nullopt;
  return RepositoryName(std::string(text));
}

bool isTag(std::string_view text) noexcept {
  const auto isWordCharacter = [](char c) { return isLowerOrDigit(c) || (c >= 'A' && c <= 'Z') || c == '_'; };
  if (text.empty() || text.size() > kMaxTag || !isWordCharacter(text.front())) return false;
  return std::all_of(text.begin(), text.end(),
                     [&](char c) { return isWordCharacter(c) || c == '.' || c == '-'; });
}

bool isReleaseTag(std::string_view tag) noexcept {
  if (tag == "latest" || tag.starts_with("git-")) return true;
  return tag.size() > 1 && tag.front() == 'v' && std::all_of(tag.begin() + 1, tag.end(), isDigit);
}

std::string_view name(BuildState state) noexcept {
  switch (state) {
    case BuildState::queued:
      return "queued";
    case BuildState::building:
      return "building";
    case BuildState::succeeded:
      return "succeeded";
    case BuildState::failed:
      return "failed";
    case BuildState::cancelled:
      return "cancelled";
  }
  return "unknown";
}

std::string_view name(ReleaseState state) noexcept {
  switch (state) {
    case ReleaseState::pending:
      return "pending";
    case ReleaseState::succeeded:
      return "succeeded";
    case ReleaseState::failed:
      return "failed";
  }
  return "unknown";
}

void requireKept(const Slug& slug) {
  if (!slug.collected) return;
  throw base::Error(base::Errc::notFound,
                    "the slug of commit " + slug.commit.substr(0, 8) +
                        " is not kept any more (settings gc_keep_releases, gc_keep_days): push that commit "
                        "again");
}

std::string_view name(ConfigScope scope) noexcept {
  switch (scope) {
    case ConfigScope::build:
      return "build";
    case ConfigScope::run:
      return "run";
    case ConfigScope::both:
      break;
  }
  return "both";
}

std::optional<ConfigScope> parseConfigScope(std::string_view text) noexcept {
  for (const auto scope : {ConfigScope::both, ConfigScope::build, ConfigScope::run}) {
    if (text == name(scope)) return scope;
  }
  return std::nullopt;
}

ConfigScope scopeOf(const ConfigScopes& scopes, const std::string& name) {
  const auto found = scopes.find(name);
  return found == scopes.end() ? ConfigScope::both : found->second;
}

ConfigVars configFor(ConfigScope who, const ConfigVars& config, const ConfigScopes& scopes) {
  ConfigVars seen;
  for (const auto& [key, value] : config) {
    const ConfigScope scope = scopeOf(scopes, key);
    if (scope == ConfigScope::both || scope == who) seen.emplace(key, value);
  }
  return seen;
}

}  // namespace store
