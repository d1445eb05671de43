// The header Authorization.
#pragma once

#include <string>
#include <string_view>

namespace registry {

/// Who a request says it comes from. (RFC 7617, Basic; RFC 6750, Bearer.)
struct Authorization {
  enum class Scheme { none, basic, bearer, unknown };
  Scheme scheme = Scheme::none;
  std::string user;    ///< of basic
  std::string secret;  ///< basic's password, or what the bearer is
};

/// `unknown` is another scheme, and what is not right. An empty user with an empty password counts as none:
/// some clients send that when they have nothing.
Authorization parseAuthorization(std::string_view header);

}  // namespace registry
