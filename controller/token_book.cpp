#include "controller/token_book.h"

#include "base/digest.h"
#include "base/error.h"
#include "registry/authorization.h"

namespace controller {

std::string newTokenSecret() {
  constexpr std::size_t kBytes = 24;
  return "fl-" + base::randomHex(kBytes);
}

std::string hashOfSecret(std::string_view secret) {
  return base::Digest::of(secret).hex();
}

bool isExpired(const store::Token& token, base::Time now) noexcept {
  return token.expiresAt && *token.expiresAt <= now;
}

std::optional<store::Token> TokenBook::find(std::string_view secret) const {
  if (secret.empty()) return std::nullopt;
  return good(store_.findToken(hashOfSecret(secret)));
}

std::optional<store::Token> TokenBook::find(std::int64_t id) const {
  return good(store_.findToken(id));
}

std::optional<store::Token> TokenBook::ofHeader(std::string_view authorization) const {
  return find(registry::parseAuthorization(authorization).secret);
}

std::optional<store::Token> TokenBook::good(std::optional<store::Token> token) const {
  if (token && isExpired(*token, clock_.now()))
    throw base::Error(base::Errc::unauthenticated,
                      "this token's time was over at " + base::toRfc3339(*token->expiresAt) +
                          ": make another one with fairlead registry:login or tokens:create");
  return token;
}

}  // namespace controller
