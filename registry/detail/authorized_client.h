// Requests to a registry with whatever it asks for as authorization.
#pragma once

#include <chrono>
#include <map>
#include <optional>
#include <string>

#include "registry/detail/auth_challenge.h"
#include "registry/detail/web_client.h"
#include "registry/registry_client.h"

namespace registry::detail {

/// One thread at a time. (Docker's token authentication specification; OAuth2 for identity tokens.)
class AuthorizedClient {
 public:
  AuthorizedClient(const ClientOptions& options, std::stop_token stop);

  /// Sends to a URL or a path of the registry; logs in and sends again where that is asked for, once, and
  /// follows redirects of a GET. `scopes` are what a token has to be good for, spaces between.
  WebAnswer& send(WebRequest request, const std::string& scopes);
  /// The answer as an error, see RegistryClient; `doing` stands in front.
  [[noreturn]] void refuse(WebAnswer& answer, const std::string& doing);

  const std::string& host() const noexcept { return options_.host; }
  const std::string& base() const noexcept { return base_; }
  std::chrono::seconds retryAfter() const noexcept { return retryAfter_; }
  const std::stop_token& stop() const noexcept { return stop_; }

 private:
  struct Token {
    std::string text;
    std::chrono::steady_clock::time_point renewAt;
  };
  std::string authorization(const std::string& scopes);
  /// False when the challenge is none that can be met.
  bool logIn(const std::vector<std::string>& challenges, const std::string& scopes);
  Token fetchToken(const AuthChallenge& challenge, const std::string& scopes);
  WebAnswer& askForToken(const AuthChallenge& challenge, const std::string& scopes);

  const ClientOptions options_;
  const std::stop_token stop_;
  const std::string base_;  // scheme://host:port
  WebClient web_;
  std::optional<AuthChallenge> bearer_;  // as the registry asked
  std::map<std::string, Token> tokens_;  // by scopes
  bool basic_ = false;
  std::chrono::seconds retryAfter_{0};
};

}  // namespace registry::detail
