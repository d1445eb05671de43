#include <gmock/gmock.h>

#include "tests/unit/gitd/server_fixture.h"

namespace gitd::testing {
namespace {

using ::testing::HasSubstr;

/// Runs with every protocol that a client may ask for.
class CloneTest : public ServerTest, public ::testing::WithParamInterface<int> {
 protected:
  base::CommandOutput gitProtocol(const std::filesystem::path& folder, std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), {"-c", "protocol.version=" + std::to_string(GetParam())});
    return git(folder, arguments);
  }
};

TEST_P(CloneTest, GivesBackWhatWasPushed) {
  start();
  makeRepository("hello");
  const auto work = makeWorkTree("work", "hello");
  commitFile(work, "folder/deep/file", "text\n");
  git(work, {"tag", "-a", "-m", "One", "v1"});
  ASSERT_TRUE(gitProtocol(work, {"push", "fairlead", "main", "v1"}).status.ok());
  const auto clone = gitProtocol(folder_.path(), {"clone", url("hello"), "copy"});
  ASSERT_TRUE(clone.status.ok()) << clone.err;
  EXPECT_EQ(folder_.read("copy/folder/deep/file"), "text\n");
  EXPECT_TRUE(git(folder_ / "copy", {"fsck", "--strict"}).status.ok());
  EXPECT_EQ(git(folder_ / "copy", {"rev-parse", "v1", "HEAD"}).out,
            git(work, {"rev-parse", "v1", "HEAD"}).out);
  EXPECT_EQ(git(folder_ / "copy", {"symbolic-ref", "HEAD"}).out, "refs/heads/main\n");
}

TEST_P(CloneTest, FetchesOnlyWhatIsNew) {
  start();
  makeRepository("hello");
  const auto work = makeWorkTree("work", "hello");
  for (int i = 0; i < 5; ++i)
    commitFile(work, "f" + std::to_string(i), std::string(1000, 'a') + std::to_string(i));
  ASSERT_TRUE(git(work, {"push", "fairlead", "main"}).status.ok());
  ASSERT_TRUE(gitProtocol(folder_.path(), {"clone", "-q", url("hello"), "copy"}).status.ok());
  commitFile(folder_ / "copy", "own", "own\n");
  commitFile(work, "g", "new\n");
  ASSERT_TRUE(git(work, {"push", "fairlead", "main"}).status.ok());
  const auto looseObjects = [&] { return std::stoi(git(folder_ / "copy", {"count-objects"}).out); };
  const int before = looseObjects();
  const auto fetch = gitProtocol(folder_ / "copy", {"fetch", "origin"});
  ASSERT_TRUE(fetch.status.ok()) << fetch.err;
  EXPECT_EQ(looseObjects(), before + 3);  // commit, tree, blob
  EXPECT_EQ(git(folder_ / "copy", {"rev-parse", "origin/main"}).out, git(work, {"rev-parse", "main"}).out);
  EXPECT_TRUE(git(folder_ / "copy", {"fsck"}).status.ok());
}

TEST_P(CloneTest, ClonesAnEmptyRepository) {
  start();
  makeRepository("hello");
  const auto clone = gitProtocol(folder_.path(), {"clone", url("hello"), "copy"});
  EXPECT_TRUE(clone.status.ok()) << clone.err;
  EXPECT_THAT(clone.err, HasSubstr("cloned an empty repository"));
}

TEST_P(CloneTest, ListsRefs) {
  start();
  makeRepository("hello");
  const auto work = makeWorkTree("work", "hello");
  git(work, {"tag", "-a", "-m", "One", "v1"});
  ASSERT_TRUE(git(work, {"push", "fairlead", "main", "main:topic", "v1"}).status.ok());
  const auto refs = gitProtocol(work, {"ls-remote", "--symref", "fairlead"});
  ASSERT_TRUE(refs.status.ok());
  EXPECT_THAT(refs.out, HasSubstr("ref: refs/heads/main\tHEAD"));
  EXPECT_THAT(refs.out, HasSubstr("refs/heads/topic\n"));
  EXPECT_THAT(refs.out, HasSubstr("refs/tags/v1^{}"));
}

TEST_P(CloneTest, ServesShallowAndPartialClones) {
  start();
  makeRepository("hello");
  const auto work = makeWorkTree("work", "hello");
  for (int i = 0; i < 3; ++i)
    commitFile(work, "f", std::to_string(i));
  ASSERT_TRUE(git(work, {"push", "fairlead", "main"}).status.ok());
  const auto shallow = gitProtocol(folder_.path(), {"clone", "--depth=2", url("hello"), "shallow"});
  ASSERT_TRUE(shallow.status.ok()) << shallow.err;
  EXPECT_EQ(git(folder_ / "shallow", {"rev-list", "--count", "HEAD"}).out, "2\n");
  EXPECT_TRUE(gitProtocol(folder_ / "shallow", {"fetch", "--unshallow"}).status.ok());
  EXPECT_EQ(git(folder_ / "shallow", {"rev-list", "--count", "HEAD"}).out, "4\n");
  // The blobs of the work tree are asked for by their ids.
  const auto partial = gitProtocol(folder_.path(), {"clone", "--filter=blob:none", url("hello"), "partial"});
  ASSERT_TRUE(partial.status.ok()) << partial.err;
  EXPECT_EQ(folder_.read("partial/f"), "2");
}

TEST_P(CloneTest, KeepsWhatNoRefLeadsToToItself) {
  start();
  const auto repository = makeRepository("hello");
  const auto work = makeWorkTree("work", "hello");
  commitFile(work, "f", "abandoned");
  ASSERT_TRUE(git(work, {"push", "fairlead", "main"}).status.ok());
  std::string left = git(work, {"rev-parse", "HEAD"}).out;
  left.pop_back();
  ASSERT_TRUE(git(repository, {"update-ref", "refs/heads/main", "HEAD~1"}).status.ok());
  makeWorkTree("other", "hello");
  const auto fetch = gitProtocol(folder_ / "other", {"fetch", "fairlead", left});
  EXPECT_FALSE(fetch.status.ok());
  EXPECT_THAT(fetch.err, HasSubstr("not our ref"));
}

INSTANTIATE_TEST_SUITE_P(Protocols, CloneTest, ::testing::Values(0, 1, 2));

}  // namespace
}  // namespace gitd::testing
