// The token endpoint: where clients that were challenged get a bearer.
#pragma once

#include <memory>
#include <string>

#include "base/http.h"
#include "registry/access.h"

namespace registry {

/// `GET /token` with Basic credentials or none, and `POST /token` with a password or a refresh token. Answers
/// {token, access_token, expires_in, issued_at, scope} and, when one was asked for, refresh_token. 401 for
/// wrong credentials, 400 with a sentence for a request that is not right. Thread-safe. (Docker registry
/// token authentication; OAuth2 Token Authentication.)
class TokenApi {
 public:
  explicit TokenApi(TokenIssuer issuer);
  static constexpr const char* kPath = "/token";
  std::unique_ptr<Poco::Net::HTTPRequestHandler> handler() const;

 private:
  const TokenIssuer issuer_;
};

}  // namespace registry
