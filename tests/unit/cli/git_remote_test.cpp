#include "cli/detail/git_remote.h"

#include <gtest/gtest.h>

#include "tests/support/temp_folder.h"

namespace {

using cli::detail::appOfFolder;
using cli::detail::appOfUrl;
using cli::detail::remoteUrl;

constexpr const char* kConfig =
    "[core]\n\tbare = false\n"
    "[remote \"origin\"]\n\turl = git@example.org:me/other.git\n"
    "[remote \"fairlead\"]\n\tfetch = +refs/heads/*:refs/remotes/fairlead/*\n\turl = "
    "ssh://git@localhost:2222/hello.git # here\n"
    "[branch \"main\"]\n\turl = nothing\n";

TEST(GitRemote, FindsTheUrlOfTheNamedRemoteOnly) {
  EXPECT_EQ(remoteUrl(kConfig, "fairlead"), "ssh://git@localhost:2222/hello.git");
  EXPECT_EQ(remoteUrl(kConfig, "origin"), "git@example.org:me/other.git");
  EXPECT_EQ(remoteUrl(kConfig, "none"), std::nullopt);
  EXPECT_EQ(remoteUrl("[remote \"fairlead\"]\nurl = \"a b#c\"\n", "fairlead"), "a b#c");
}

TEST(GitRemote, TakesTheAppFromTheUrlsLastPart) {
  EXPECT_EQ(appOfUrl("ssh://git@localhost:2222/hello.git"), "hello");
  EXPECT_EQ(appOfUrl("ssh://git@localhost:2222/hello"), "hello");
  EXPECT_EQ(appOfUrl("git@example.org:hello.git"), "hello");
  EXPECT_EQ(appOfUrl("ssh://git@example.org/hello.git/"), "hello");
  EXPECT_EQ(appOfUrl(""), "");
}

TEST(GitRemote, LooksUpwardsForTheRepository) {
  const testing_support::TempFolder folder;
  folder.write("app/.git/config", kConfig);
  folder.write("app/src/deep/file", "");
  EXPECT_EQ(appOfFolder(folder / "app/src/deep"), "hello");
  EXPECT_EQ(appOfFolder(folder.path()), std::nullopt);
}

TEST(GitRemote, StopsAtTheNearestRepository) {
  const testing_support::TempFolder folder;
  folder.write("app/.git/config", kConfig);
  folder.write("app/vendor/.git/config", "[core]\n");
  EXPECT_EQ(appOfFolder(folder / "app/vendor"), std::nullopt);
}

TEST(GitRemote, FollowsALinkedWorktree) {
  const testing_support::TempFolder folder;
  folder.write("app/.git/config", kConfig);
  folder.write("app/.git/worktrees/two/commondir", "../..\n");
  folder.write("two/.git", "gitdir: " + (folder / "app/.git/worktrees/two").string() + "\n");
  EXPECT_EQ(appOfFolder(folder / "two"), "hello");
}

}  // namespace
