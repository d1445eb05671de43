#include "git/ref_name.h"

#include <gtest/gtest.h>

#include <string>

namespace git {
namespace {

TEST(RefName, TakesWhatGitTakes) {
  for (const char* name : {"refs/heads/main", "refs/heads/feature/a-b_c", "refs/tags/v1.0",
                           "refs/notes/commits", "refs/heads/@", "refs/heads/\xc3\xa4"}) {
    EXPECT_TRUE(isRefName(name)) << name;
  }
}

TEST(RefName, RefusesWhatGitRefuses) {
  for (const char* name : {"",
                           "HEAD",
                           "refs/heads",
                           "refs/main",
                           "refs/heads/",
                           "refs//heads/a",
                           "/refs/heads/a",
                           "heads/a",
                           "refs/heads/.a",
                           "refs/heads/a..b",
                           "refs/heads/a.lock",
                           "refs/heads/a.lock/b",
                           "refs/heads/a.",
                           "refs/heads/a b",
                           "refs/heads/a\tb",
                           "refs/heads/a~1",
                           "refs/heads/a^",
                           "refs/heads/a:b",
                           "refs/heads/a?",
                           "refs/heads/*",
                           "refs/heads/[a",
                           "refs/heads/a\\b",
                           "refs/heads/@{u}",
                           "refs/heads/a\x7f",
                           "refs/heads/../../x/y"}) {
    EXPECT_FALSE(isRefName(name)) << name;
  }
  EXPECT_FALSE(isRefName("refs/heads/" + std::string(300, 'a')));
}

TEST(RefName, TellsWhatMayBeDeletedOnly) {
  EXPECT_TRUE(isOldRefName("refs/stash"));
  EXPECT_FALSE(isRefName("refs/stash"));
  EXPECT_FALSE(isOldRefName("refs/"));
  EXPECT_TRUE(isPseudoRefName("HEAD"));
  EXPECT_FALSE(isPseudoRefName("head"));
}

}  // namespace
}  // namespace git
