#include "builder/detail/buildpack_source.h"

#include <algorithm>
#include <array>
#include <optional>

#include "base/strings.h"

namespace builder::detail {
namespace {

bool isNameByte(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_' ||
         c == '.';
}

bool isFolderName(std::string_view name) {
  constexpr std::size_t kMaxLength = 64;
  return !name.empty() && name.size() <= kMaxLength && name.front() != '.' &&
         std::all_of(name.begin(), name.end(), isNameByte);
}

/// A ref goes to git's command line: nothing that looks like an option, no spaces.
bool isRef(std::string_view ref) {
  constexpr std::size_t kMaxLength = 200;
  return !ref.empty() && ref.size() <= kMaxLength && ref.front() != '-' &&
         std::all_of(ref.begin(), ref.end(), [](char c) { return isNameByte(c) || c == '/'; });
}

bool isUrl(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c < 0x7f; });
}

/// "https://user:secret@host/x/heroku-buildpack-go.git?a=b" is "heroku-buildpack-go".
std::string lastWord(std::string_view url) {
  url = url.substr(0, url.find('?'));
  while (url.ends_with('/'))
    url.remove_suffix(1);
  auto word = url.substr(url.rfind('/') + 1);
  if (word.find('@') != word.npos) word = "buildpack";
  for (const std::string_view suffix : {".git", ".tgz", ".tar.gz", ".tar.xz", ".tar.bz2", ".tbz", ".tar"}) {
    if (word.ends_with(suffix)) word.remove_suffix(suffix.size());
  }
  return word.empty() ? "buildpack" : base::printable(word);
}

bool isTarball(std::string_view url) {
  const auto path = url.substr(0, url.find('?'));
  constexpr std::array<std::string_view, 6> kEndings = {".tgz",     ".tar.gz", ".tar.xz",
                                                        ".tar.bz2", ".tbz",    ".tar"};
  return std::any_of(kEndings.begin(), kEndings.end(),
                     [&](std::string_view end) { return path.ends_with(end); });
}

/// "org/name" is the repository that such a buildpack has at GitHub by custom.
std::optional<BuildpackSource> parseShorthand(std::string_view text) {
  const auto slash = text.find('/');
  if (slash == text.npos) return std::nullopt;
  std::string_view owner = text.substr(0, slash);
  std::string_view name = text.substr(slash + 1);
  const auto hash = name.find('#');
  const std::string_view ref = hash == name.npos ? std::string_view() : name.substr(hash + 1);
  name = name.substr(0, hash);
  if (!isFolderName(owner) || !isFolderName(name) || (hash != name.npos && !ref.empty() && !isRef(ref)))
    return std::nullopt;
  if (owner == "heroku-community") owner = "heroku";
  const std::string prefix = name.starts_with("heroku-buildpack-") ? "" : "heroku-buildpack-";
  return BuildpackSource{.kind = BuildpackSource::Kind::git,
                         .name = std::string(name),
                         .url = "https://github.com/" + std::string(owner) + "/" + prefix + std::string(name),
                         .ref = std::string(ref)};
}

}  // namespace

std::string withoutCredentials(std::string_view url) {
  const auto scheme = url.find("://");
  if (scheme == url.npos) return std::string(url);
  const auto start = scheme + 3;
  const auto authority = url.substr(start, url.find_first_of("/?#", start) - start);
  const auto at = authority.rfind('@');
  const auto host = start + (at == authority.npos ? 0 : at + 1);
  return std::string(url.substr(0, start)) + std::string(url.substr(host, url.find('?', host) - host));
}

std::variant<BuildpackSource, SourceError> parseBuildpackSource(std::string_view text) {
  text = base::trim(text);
  BuildpackSource source;
  if (text.find("://") == text.npos) {
    constexpr std::string_view kShorthand = "heroku/";
    source.herokuName = text.starts_with(kShorthand);
    auto name = source.herokuName ? text.substr(kShorthand.size()) : text;
    if (const auto hash = name.find('#'); source.herokuName && hash != name.npos) {
      source.ref = std::string(name.substr(hash + 1));
      name = name.substr(0, hash);
      if (!isRef(source.ref)) {
        return SourceError{"the buildpack heroku/" + base::printable(name) + " has a malformed #ref"};
      }
    }
    if (auto shorthand = source.herokuName ? std::nullopt : parseShorthand(name)) return *shorthand;
    if (!isFolderName(name)) {
      return SourceError{"the buildpack '" + base::printable(text) +
                         "' is neither a buildpack's name nor an https URL of a tarball or git repository"};
    }
    source.name = std::string(name);
    return source;
  }
  const auto mark = text.find('#');
  const auto url = text.substr(0, mark);
  source.name = lastWord(url);
  if (!(url.starts_with("https://") || url.starts_with("http://") || url.starts_with("git://")) ||
      !isUrl(url)) {
    return SourceError{"the buildpack " + source.name + " is not at an http, https or git URL"};
  }
  source.url = std::string(url);
  source.kind = isTarball(url) && !url.starts_with("git:") ? BuildpackSource::Kind::tarball
                                                           : BuildpackSource::Kind::git;
  if (mark != text.npos) {
    source.ref = std::string(text.substr(mark + 1));
    if (!isRef(source.ref)) return SourceError{"the buildpack " + source.name + " has a malformed #ref"};
  }
  return source;
}

std::vector<std::string> parseBuildpacksFile(std::string_view text) {
  std::vector<std::string> found;
  for (const auto& whole : base::split(text, '\n')) {
    const auto line = base::trim(whole);
    if (!line.empty() && !line.starts_with('#')) found.emplace_back(line);
  }
  return found;
}

}  // namespace builder::detail
