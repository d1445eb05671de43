#include "registry/authorization.h"

#include <gtest/gtest.h>

#include "base/base64.h"

namespace registry {
namespace {

using Scheme = Authorization::Scheme;

TEST(Authorization, IsBasicOrBearer) {
  const Authorization basic = parseAuthorization("Basic bWU6c2U6Y3JldA==");
  EXPECT_EQ(basic.scheme, Scheme::basic);
  EXPECT_EQ(basic.user, "me");
  EXPECT_EQ(basic.secret, "se:cret");
  EXPECT_EQ(parseAuthorization(" bAsIc  bWU6").scheme, Scheme::basic);
  const Authorization bearer = parseAuthorization("bearer fl-1.x ");
  EXPECT_EQ(bearer.scheme, Scheme::bearer);
  EXPECT_EQ(bearer.secret, "fl-1.x");
}

TEST(Authorization, WithoutUserAndPasswordIsNone) {
  for (const char* none : {"", "  ", "Basic Og=="})
    EXPECT_EQ(parseAuthorization(none).scheme, Scheme::none) << none;
}

TEST(Authorization, IsNothingElse) {
  const std::string noColon = "Basic " + base::toBase64("secret");
  for (const std::string& wrong : {std::string("Basic"), std::string("Basic !!!"), std::string("Bearer"),
                                   std::string("Bearer "), std::string("Digest x"), noColon}) {
    EXPECT_EQ(parseAuthorization(wrong).scheme, Scheme::unknown) << wrong;
    EXPECT_EQ(parseAuthorization(wrong).secret, "") << wrong;
  }
}

}  // namespace
}  // namespace registry
