#include "registry/detail/auth_challenge.h"

#include <gtest/gtest.h>

namespace registry::detail {
namespace {

TEST(AuthChallenge, ReadsSchemesAndParameters) {
  const auto both = parseAuthChallenges(
      R"(Bearer realm="https://auth.example/token?a=b,c",service=it,scope="repository:a:pull,push", Basic realm="a \"b\"")");
  ASSERT_EQ(both.size(), 2u);
  EXPECT_EQ(both[0].scheme, "bearer");
  EXPECT_EQ(both[0].parameter("realm"), "https://auth.example/token?a=b,c");
  EXPECT_EQ(both[0].parameter("service"), "it");
  EXPECT_EQ(both[0].parameter("scope"), "repository:a:pull,push");
  EXPECT_EQ(both[0].parameter("error"), "");
  EXPECT_EQ(both[1].scheme, "basic");
  EXPECT_EQ(both[1].parameter("realm"), "a \"b\"");
}

TEST(AuthChallenge, TakesWhatPeopleSend) {
  EXPECT_EQ(parseAuthChallenges("").size(), 0u);
  EXPECT_EQ(parseAuthChallenges("Negotiate").size(), 1u);
  EXPECT_EQ(parseAuthChallenges("BEARER  REALM = \"x\"")[0].parameter("realm"), "x");
  EXPECT_EQ(parseAuthChallenges("realm=\"x\"").size(), 0u);
  EXPECT_EQ(parseAuthChallenges("Bearer realm=\"x").size(), 1u) << "a string without an end";
  EXPECT_EQ(parseAuthChallenges("Bearer realm=\"x\\").size(), 1u);
  std::string many;
  for (int i = 0; i < 100; ++i)
    many += "Basic a=b, ";
  EXPECT_EQ(parseAuthChallenges(many).size(), 16u);
}

}  // namespace
}  // namespace registry::detail
