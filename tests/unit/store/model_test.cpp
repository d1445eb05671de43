#include "store/model.h"

#include <gtest/gtest.h>

#include "base/error.h"

namespace store {
namespace {

TEST(AppName, TakesDnsLabels) {
  for (const auto* text :
       {"a", "hello", "my-app-2", "a--b", "abcdefghijabcdefghijabcdefghij", "v22", "stack"}) {
    EXPECT_TRUE(AppName::tryParse(text)) << text;
    EXPECT_EQ(AppName::parse(text).str(), text);
  }
}

TEST(AppName, RefusesEverythingElse) {
  for (const std::string_view text : {"", "-a", "a-", "1a", "A", "a_b", "a.b", "a/b", "..", "a b", "hello\n",
                                      "\xc3\xa4", "abcdefghijabcdefghijabcdefghijk"}) {
    EXPECT_FALSE(AppName::tryParse(text)) << text;
    EXPECT_THROW(AppName::parse(text), base::Error) << text;
  }
  EXPECT_FALSE(AppName::tryParse(std::string_view("a\0b", 3)));
}

TEST(AppName, ReservesTheServersOwnWords) {
  for (const auto* text : {"stacks", "v2", "fairlead"}) {
    EXPECT_FALSE(AppName::tryParse(text)) << text;
    try {
      AppName::parse(text);
      ADD_FAILURE() << text;
    } catch (const base::Error& error) {
      EXPECT_EQ(error.code(), base::Errc::invalidArgument);
      EXPECT_NE(std::string(error.what()).find("reserved"), std::string::npos);
    }
  }
}

TEST(ReleaseVersion, ReadsWithAndWithoutV) {
  EXPECT_EQ(ReleaseVersion::parse("v12").number, 12);
  EXPECT_EQ(ReleaseVersion::parse("12").number, 12);
  EXPECT_EQ((ReleaseVersion{12}.str()), "v12");
}

TEST(ReleaseVersion, RefusesEverythingElse) {
  for (const auto* text : {"", "v", "0", "v0", "01", "-1", "+1", "1.0", "vv1", "v1 ", " 1", "1x",
                           "99999999999999999999", "V1"}) {
    EXPECT_THROW(ReleaseVersion::parse(text), base::Error) << text;
  }
}

TEST(RepositoryName, FollowsTheSpecificationsGrammar) {
  for (const auto* text : {"hello", "a", "0", "stacks/debian-12", "a.b_c__d---e/f", "a/b/c/d"}) {
    EXPECT_TRUE(RepositoryName::tryParse(text)) << text;
    EXPECT_EQ(RepositoryName::parse(text).str(), text);
  }
  for (const auto* text : {"",   "/",    "a/",   "/a", "a//b",   "A",   "a..b",  "a___b", "a_",  "_a", "a-",
                           "-a", "a.-b", "a._b", "..", "a/../b", "a b", "a%2fb", "a:b",   "a@b", "a\n"}) {
    EXPECT_FALSE(RepositoryName::tryParse(text)) << text;
    EXPECT_THROW(RepositoryName::parse(text), base::Error) << text;
  }
}

TEST(RepositoryName, IsAtMost255Long) {
  EXPECT_TRUE(RepositoryName::tryParse(std::string(255, 'a')));
  EXPECT_FALSE(RepositoryName::tryParse(std::string(256, 'a')));
}

TEST(Names, OfStatesAreTheWordsOnTheWire) {
  EXPECT_EQ(name(BuildState::queued), "queued");
  EXPECT_EQ(name(BuildState::cancelled), "cancelled");
  EXPECT_EQ(name(ReleaseState::pending), "pending");
}

}  // namespace
}  // namespace store
