#include "registry/authorization.h"

#include <algorithm>

#include "base/base64.h"
#include "base/strings.h"

namespace registry {
namespace {

using Scheme = Authorization::Scheme;

bool equalsWithoutCase(std::string_view text, std::string_view lower) {
  const auto same = [](char mine, char theirs) {
    return (mine >= 'A' && mine <= 'Z' ? static_cast<char>(mine - 'A' + 'a') : mine) == theirs;
  };
  return std::equal(text.begin(), text.end(), lower.begin(), lower.end(), same);
}

Authorization parseBasic(std::string_view encoded) {
  const auto plain = base::fromBase64(encoded);
  const auto colon = plain ? plain->find(':') : std::string::npos;
  if (colon == std::string::npos) return {.scheme = Scheme::unknown, .user = "", .secret = ""};
  if (plain->size() == 1) return {};
  return {.scheme = Scheme::basic, .user = plain->substr(0, colon), .secret = plain->substr(colon + 1)};
}

}  // namespace

Authorization parseAuthorization(std::string_view header) {
  header = base::trim(header);
  if (header.empty()) return {};
  const auto space = header.find(' ');
  const std::string_view scheme = header.substr(0, space);
  const std::string_view rest =
      space == std::string_view::npos ? std::string_view() : base::trim(header.substr(space + 1));
  if (equalsWithoutCase(scheme, "basic")) return parseBasic(rest);
  if (equalsWithoutCase(scheme, "bearer") && !rest.empty())
    return {.scheme = Scheme::bearer, .user = "", .secret = std::string(rest)};
  return {.scheme = Scheme::unknown, .user = "", .secret = ""};
}

}  // namespace registry
