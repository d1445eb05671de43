#include "registry/detail/token_request.h"

#include <map>

#include "base/error.h"
#include "registry/authorization.h"
#include "registry/detail/registry_request.h"

namespace registry::detail {
namespace {

using Form = std::multimap<std::string, std::string>;

[[noreturn]] void refuse(const std::string& sentence) {
  throw base::Error(base::Errc::invalidArgument, sentence);
}

Form formOf(std::string_view text) {
  auto form = parseForm(text);
  if (!form) refuse("the request's parameters are not percent-encoded as they have to be");
  return *std::move(form);
}

std::optional<std::string> valueOf(const Form& form, const std::string& name) {
  const auto found = form.lower_bound(name);
  if (found == form.end() || found->first != name) return std::nullopt;
  return found->second;
}

std::optional<std::string> secretIn(std::string_view header) {
  const Authorization given = parseAuthorization(header);
  if (given.scheme == Authorization::Scheme::unknown)
    throw base::Error(base::Errc::unauthenticated,
                      "these credentials cannot be read: send them as Basic, with a token as password");
  if (given.scheme == Authorization::Scheme::none) return std::nullopt;
  return given.secret;
}

std::vector<Scope> scopesOf(const Form& form) {
  std::string all;
  const auto [begin, end] = form.equal_range("scope");
  for (auto each = begin; each != end; ++each)
    all += each->second + " ";
  return parseScopes(all);
}

}  // namespace

TokenQuestion parseTokenQuery(std::string_view query, std::string_view authorization) {
  const Form form = formOf(query);
  return {.secret = secretIn(authorization),
          .refreshToken = std::nullopt,
          .scopes = scopesOf(form),
          .offline = valueOf(form, "offline_token") == "true",
          .fromLoopback = false};
}

TokenQuestion parseTokenForm(std::string_view body, std::string_view authorization) {
  const Form form = formOf(body);
  TokenQuestion question{.secret = std::nullopt,
                         .refreshToken = std::nullopt,
                         .scopes = scopesOf(form),
                         .offline = valueOf(form, "access_type") == "offline",
                         .fromLoopback = false};
  const auto grant = valueOf(form, "grant_type");
  if (grant == "refresh_token") {
    question.refreshToken = valueOf(form, "refresh_token");
    if (!question.refreshToken) refuse("grant_type is refresh_token, and there is no refresh_token");
  } else if (grant == "password") {
    question.secret = valueOf(form, "password");
    if (!question.secret) question.secret = secretIn(authorization);
    if (!question.secret) refuse("grant_type is password, and there is no password");
  } else {
    refuse("grant_type has to be password or refresh_token");
  }
  return question;
}

}  // namespace registry::detail
