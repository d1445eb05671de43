#include "gitd/detail/tree_rules.h"

#include <gtest/gtest.h>

#include "tests/unit/gitd/git_objects.h"

namespace gitd::detail {
namespace {

using testing::Entry;
using testing::treeBytes;

const std::string kId(40, '1');

std::string finding(const std::vector<Entry>& entries) {
  return checkTree(treeBytes(entries));
}
std::string findingFor(const std::string& name) {
  return finding({{"100644", name, kId}});
}

TEST(TreeRules, PassesOrdinaryTrees) {
  EXPECT_EQ(checkTree(""), "");
  EXPECT_EQ(finding({{"100644", "a", kId},
                     {"100755", "a.b", kId},
                     {"40000", "a.c", kId},
                     {"120000", "b", kId},
                     {"160000", "c", kId}}),
            "");
  EXPECT_EQ(finding({{"40000", "a", kId}, {"100644", "a0", kId}}), "");
  // Old histories have these: they warn in git fsck.
  EXPECT_EQ(finding({{"040000", "a", kId}, {"100664", "b", kId}}), "");
  for (const char* name : {".gitignore", ".gitmodules", "git", ".gitx", "a.git", "...", " ", "a:b", "git~2"})
    EXPECT_EQ(findingFor(name), "") << name;
}

TEST(TreeRules, FindsNamesThatWouldHurt) {
  EXPECT_EQ(findingFor("."), "hasDot");
  EXPECT_EQ(findingFor(".."), "hasDotdot");
  EXPECT_EQ(findingFor(""), "emptyName");
  EXPECT_EQ(findingFor("a/b"), "fullPathname");
  EXPECT_EQ(findingFor(std::string(5000, 'a')), "largePathname");
  EXPECT_EQ(finding({{"100644", "a", std::string(40, '0')}}), "nullSha1");
}

TEST(TreeRules, FindsDotGitInEverySpelling) {
  for (const char* name :
       {".git", ".GIT", ".Git", ".git ", ".git...", ".git . .", "git~1", "GIT~1", ".g\xe2\x80\x8cit",
        "\xef\xbb\xbf.git", ".git\xe2\x81\xaf", ".git::$INDEX_ALLOCATION", ".git:x", "a\\.git", ".git\\hooks",
        "\\.git", ".g\xe2\x80\xaeIT. "}) {
    EXPECT_EQ(findingFor(name), "hasDotgit") << name;
  }
  EXPECT_EQ(finding({{"120000", ".gitmodules", kId}}), "gitmodulesSymlink");
  EXPECT_EQ(finding({{"120000", ".GITMODULES ", kId}}), "gitmodulesSymlink");
}

TEST(TreeRules, FindsDisorder) {
  EXPECT_EQ(finding({{"100644", "b", kId}, {"100644", "a", kId}}), "treeNotSorted");
  EXPECT_EQ(finding({{"100644", "a0", kId}, {"40000", "a", kId}}), "treeNotSorted");
  EXPECT_EQ(finding({{"100644", "a", kId}, {"100644", "a", kId}}), "duplicateEntries");
  EXPECT_EQ(finding({{"100644", "a", kId}, {"40000", "a", kId}}), "duplicateEntries");
  EXPECT_EQ(finding({{"100644", "a", kId}, {"100644", "a.c", kId}, {"40000", "a", kId}}), "duplicateEntries");
}

TEST(TreeRules, FindsWhatIsNoTree) {
  const std::string good = treeBytes({{"100644", "a", kId}});
  for (std::size_t length = 1; length < good.size(); ++length)
    EXPECT_EQ(checkTree(good.substr(0, length)), "badTree") << length;
  EXPECT_EQ(finding({{"10064x", "a", kId}}), "badTree");
  EXPECT_EQ(finding({{"", "a", kId}}), "badTree");
  EXPECT_EQ(finding({{"20000", "a", kId}}), "badTree");
  EXPECT_EQ(finding({{"777777777", "a", kId}}), "badTree");
}

}  // namespace
}  // namespace gitd::detail
