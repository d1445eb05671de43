#include "controller/bearers.h"

#include <gtest/gtest.h>

#include "base/base64.h"
#include "tests/support/fake_clock.h"
#include "tests/support/temp_folder.h"

namespace controller {
namespace {

class BearersTest : public ::testing::Test {
 protected:
  testing_support::TempFolder folder_;
  test::FakeClock clock_;
  Bearers bearers_{folder_ / "key", clock_};
  const std::vector<registry::Scope> scopes_ =
      registry::parseScopes("repository:a/b:pull,push registry:catalog:*");
};

TEST_F(BearersTest, SayAgainWhatTheyWereMadeFor) {
  const std::string text = bearers_.make({.token = 7, .scopes = scopes_});
  EXPECT_TRUE(Bearers::looksLikeOne(text));
  EXPECT_FALSE(Bearers::looksLikeOne("fl-0123456789abcdef"));
  const auto bearer = Bearers(folder_ / "key", clock_).open(text);  // after a restart, too
  ASSERT_TRUE(bearer);
  EXPECT_EQ(bearer->token, 7);
  EXPECT_EQ(bearer->scopes, scopes_);
  EXPECT_TRUE(bearers_.open(bearers_.make({}))->scopes.empty());
}

TEST_F(BearersTest, EndAfterFiveMinutes) {
  const std::string text = bearers_.make({.token = 7, .scopes = {}});
  const std::string refresh = bearers_.makeRefresh(7);
  clock_.advance(std::chrono::seconds(299));
  EXPECT_TRUE(bearers_.open(text));
  clock_.advance(std::chrono::seconds(1));
  EXPECT_FALSE(bearers_.open(text));
  EXPECT_EQ(bearers_.openRefresh(refresh), 7);
}

TEST_F(BearersTest, AreNothingWhenChanged) {
  const std::string text = bearers_.make({.token = 7, .scopes = scopes_});
  for (std::size_t at = 0; at < text.size(); ++at) {
    std::string other = text;
    other[at] = other[at] == 'A' ? 'B' : 'A';
    EXPECT_FALSE(bearers_.open(other)) << at;
    EXPECT_FALSE(bearers_.open(text.substr(0, at))) << at;
  }
  const std::string mine = base::toBase64Url("b 99999999999 1 repository:a:push");
  for (const std::string& forged :
       {mine, mine + ".", mine + "." + std::string(32, '0'), std::string("."), std::string()})
    EXPECT_FALSE(bearers_.open(forged)) << forged;
  EXPECT_FALSE(Bearers(folder_ / "other", clock_).open(text));
}

TEST_F(BearersTest, AndRefreshTokensAreTwoThings) {
  EXPECT_FALSE(bearers_.open(bearers_.makeRefresh(7)));
  EXPECT_FALSE(bearers_.openRefresh(bearers_.make({.token = 7, .scopes = {}})));
}

}  // namespace
}  // namespace controller
