#include "registry/image_reference.h"

#include <algorithm>

#include "base/error.h"
#include "base/strings.h"

namespace registry {
namespace {

constexpr std::string_view kScheme = "docker://";
constexpr std::string_view kDefaultHost = "docker.io";
constexpr std::size_t kMaxHost = 261;  // a DNS name's 255 and a port

bool isPort(std::string_view text) {
  std::uint64_t port = 0;
  return text.size() <= 5 && base::parseNumber(text, port) && port > 0 && port < 65536;
}

bool isHostCharacter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '-';
}

/// The first word of a name is a host when it looks like one: with a dot or a port, or "localhost".
bool looksLikeHost(std::string_view word) {
  return word.find_first_of(".:[") != std::string_view::npos || word == "localhost";
}

[[noreturn]] void refuse(std::string_view text) {
  throw base::Error(base::Errc::invalidArgument, "\"" + base::printable(text) +
                                                     "\" is no image reference: it is HOST/NAME, "
                                                     "HOST/NAME:TAG or HOST/NAME@sha256:...");
}

}  // namespace

bool isRegistryHost(std::string_view text) {
  if (text.empty() || text.size() > kMaxHost) return false;
  std::string_view name = text;
  if (text.front() == '[') {
    const auto end = text.find(']');
    if (end == std::string_view::npos) return false;
    const std::string_view address = text.substr(1, end - 1);
    const bool good =
        !address.empty() && address.find_first_not_of("0123456789abcdefABCDEF:.") == address.npos;
    const std::string_view rest = text.substr(end + 1);
    return good && (rest.empty() || (rest.front() == ':' && isPort(rest.substr(1))));
  }
  if (const auto colon = text.find(':'); colon != std::string_view::npos) {
    if (!isPort(text.substr(colon + 1))) return false;
    name = text.substr(0, colon);
  }
  return !name.empty() && name.front() != '-' && name.front() != '.' &&
         std::all_of(name.begin(), name.end(), isHostCharacter);
}

bool isLoopbackHost(std::string_view host) {
  const std::string_view name =
      host.starts_with('[') ? host.substr(0, host.find(']') + 1) : host.substr(0, host.find(':'));
  return name == "localhost" || name.ends_with(".localhost") || name.starts_with("127.") || name == "[::1]";
}

std::string ImageReference::reference() const {
  if (digest) return digest->str();
  return tag.empty() ? "latest" : tag;
}

ImageReference ImageReference::parse(std::string_view text) {
  std::string_view rest = text;
  if (rest.starts_with(kScheme)) rest.remove_prefix(kScheme.size());
  std::optional<store::Digest> digest;
  if (const auto at = rest.find('@'); at != std::string_view::npos) {
    digest = store::Digest::tryParse(rest.substr(at + 1));
    if (!digest) refuse(text);
    rest = rest.substr(0, at);
  }
  std::string host(kDefaultHost);
  const auto slash = rest.find('/');
  if (slash != std::string_view::npos && looksLikeHost(rest.substr(0, slash))) {
    host = rest.substr(0, slash);
    rest.remove_prefix(slash + 1);
  }
  std::string tag;
  if (const auto colon = rest.find(':'); colon != std::string_view::npos) {
    tag = rest.substr(colon + 1);
    if (!store::isTag(tag)) refuse(text);
    rest = rest.substr(0, colon);
  }
  std::string name(rest);
  if (host == kDefaultHost && name.find('/') == std::string::npos) name.insert(0, "library/");
  auto repository = store::RepositoryName::tryParse(name);
  if (!repository || !isRegistryHost(host)) refuse(text);
  return {std::move(host), *std::move(repository), std::move(tag), std::move(digest)};
}

}  // namespace registry
