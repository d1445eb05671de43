#include "git/upload_pack.h"

#include <gmock/gmock.h>

#include <filesystem>
#include <memory>

#include "tests/support/temp_folder.h"
#include "tests/unit/git/git_program.h"

namespace git {
namespace {

using testing::GitProgram;
using ::testing::HasSubstr;
using ::testing::Not;

const std::string kUploadPack = "--upload-pack=" GIT_DROP_INS " upload-pack";

/// The real git as client of the drop-in, in every protocol.
class UploadPackTest : public ::testing::TestWithParam<int> {
 protected:
  static void SetUpTestSuite() {
    template_ = std::make_unique<testing_support::TempFolder>();
    const GitProgram git(template_->path());
    git({"init", "-q", "origin"});
    git.shell(
        "cd origin && for i in 1 2 3 4 5 6; do mkdir -p d$i && seq $i 200 >d$i/f && echo $i >top && "
        "git add -A && GIT_COMMITTER_DATE=\"$((1700000000 + i * 1000)) +0000\" git commit -qm $i; done && "
        "git tag -a -m one v1 HEAD~2 && git repack -adq && git prune-packed -q && echo loose >top && "
        "git commit -qam loose");
  }
  static void TearDownTestSuite() { template_.reset(); }
  UploadPackTest() : git_(folder_.path()) {
    std::filesystem::copy(template_->path() / "origin", folder_ / "origin",
                          std::filesystem::copy_options::recursive);
  }

  std::string url() const { return "file://" + (folder_ / "origin").string(); }
  std::vector<std::string> client(const std::string& folder, std::vector<std::string> words) const {
    std::vector<std::string> argv = {"git", "-C", folder, "-c",
                                     "protocol.version=" + std::to_string(GetParam())};
    argv.insert(argv.end(), words.begin(), words.end());
    return argv;
  }
  std::string clone(const std::string& folder, std::vector<std::string> options = {}) {
    options.insert(options.begin(), {"clone", "-q", kUploadPack});
    options.insert(options.end(), {url(), folder});
    const auto result = git_.tryRun(client(".", options));
    EXPECT_TRUE(result.status.ok()) << result.err;
    return result.err;
  }
  base::CommandOutput fetch(const std::string& folder, std::vector<std::string> options = {}) {
    options.insert(options.begin(), {"fetch", kUploadPack});
    return git_.tryRun(client(folder, options));
  }
  std::string count(const std::string& folder) {
    return git_({"-C", folder, "rev-list", "--count", "--all"});
  }
  void expectSound(const std::string& folder) { git_({"-C", folder, "fsck", "--full", "--strict"}); }

  static inline std::unique_ptr<testing_support::TempFolder> template_;
  testing_support::TempFolder folder_;
  GitProgram git_;
};

TEST_P(UploadPackTest, ClonesAll) {
  clone("copy");
  expectSound("copy");
  EXPECT_EQ(git_({"-C", "copy", "rev-parse", "HEAD", "v1"}),
            git_({"-C", "origin", "rev-parse", "HEAD", "v1"}));
  EXPECT_EQ(git_({"-C", "copy", "symbolic-ref", "HEAD"}), "refs/heads/main");
}

TEST_P(UploadPackTest, SendsAWholePackAsItLies) {
  git_({"-C", "origin", "repack", "-adq"});
  git_({"-C", "origin", "prune-packed", "-q"});
  clone("copy");
  expectSound("copy");
  EXPECT_EQ(git_.shell("ls copy/.git/objects/pack/*.pack | xargs -n1 basename"),
            git_.shell("ls origin/.git/objects/pack/*.pack | xargs -n1 basename"));
}

TEST_P(UploadPackTest, RefusesNamespaces) {
  git_.extraEnvironment = {"GIT_NAMESPACE=other"};
  const auto refused = git_.tryRun(client(".", {"ls-remote", kUploadPack, url()}));
  EXPECT_FALSE(refused.status.ok());
  EXPECT_THAT(refused.err, HasSubstr("unset GIT_NAMESPACE"));
  EXPECT_EQ(refused.out, "");
}

TEST_P(UploadPackTest, ListsRefs) {
  const auto refs = git_.tryRun(client(".", {"ls-remote", "--symref", kUploadPack, url()}));
  EXPECT_THAT(refs.out, HasSubstr("ref: refs/heads/main\tHEAD"));
  EXPECT_THAT(refs.out, HasSubstr("refs/tags/v1^{}"));
}

TEST_P(UploadPackTest, FetchesOnlyWhatIsNewAndTagsThatComeAlong) {
  clone("copy", {"--no-tags", "--branch=main"});
  git_({"-C", "copy", "config", "--unset", "remote.origin.tagOpt"});
  git_.shell("cd origin && echo more >>d1/f && git commit -qam more && git tag -a -m two v2");
  const auto result = fetch("copy");
  ASSERT_TRUE(result.status.ok()) << result.err;
  EXPECT_THAT(result.err, HasSubstr("v2"));
  expectSound("copy");
  // Commit, root, d1, the file and the tags v1, v2.
  EXPECT_THAT(git_({"-C", "copy", "count-objects"}), ::testing::StartsWith("6 objects"));
}

TEST_P(UploadPackTest, CutsDeepensAndCompletesHistory) {
  clone("copy", {"--depth=2"});
  EXPECT_EQ(count("copy"), "2");
  expectSound("copy");
  ASSERT_TRUE(fetch("copy", {"--deepen=1"}).status.ok());
  EXPECT_EQ(count("copy"), "3");
  ASSERT_TRUE(fetch("copy", {"--depth=1"}).status.ok());
  ASSERT_TRUE(fetch("copy", {"--unshallow"}).status.ok());
  EXPECT_EQ(count("copy"), "7");
  expectSound("copy");
}

TEST_P(UploadPackTest, CutsHistoryByDateAndByRef) {
  clone("since", {"--shallow-since=1700005500"});
  EXPECT_EQ(count("since"), "2");
  clone("not", {"--shallow-exclude=v1"});
  EXPECT_EQ(count("not"), "3");
  expectSound("since");
  expectSound("not");
}

TEST_P(UploadPackTest, LeavesOutWhatFiltersSay) {
  git_({"-C", "origin", "config", "uploadpack.allowFilter", "true"});
  git_({"-C", "origin", "config", "uploadpack.allowAnySHA1InWant", "true"});
  const auto types = [&](const std::string& filter) {
    clone("copy", {"--bare", "--filter=" + filter});
    const std::string all = git_.shell(
        "git -C copy cat-file --batch-check='%(objecttype)' --batch-all-objects --unordered | sort | uniq -c "
        "| "
        "tr -s ' \\n' ' '; rm -rf copy");
    return all;
  };
  EXPECT_THAT(types("blob:none"), Not(HasSubstr("blob")));
  EXPECT_THAT(types("blob:limit=10"), HasSubstr("7 blob"));
  EXPECT_EQ(types("tree:0"), "7 commit 1 tag");
  EXPECT_EQ(types("tree:1"), "7 commit 1 tag 7 tree");
  EXPECT_THAT(types("object:type=commit"), Not(HasSubstr("tree")));
  EXPECT_THAT(types("combine:blob:none+tree:1"), HasSubstr("7 tree"));
}

TEST_P(UploadPackTest, RefusesSparseFiltersAndTellsWhatToUse) {
  git_({"-C", "origin", "config", "uploadpack.allowFilter", "true"});
  const auto result =
      git_.tryRun(client(".", {"clone", kUploadPack, "--filter=sparse:oid=main:d1", url(), "copy"}));
  EXPECT_FALSE(result.status.ok());
  EXPECT_THAT(result.err, HasSubstr("sparse checkout"));
}

TEST_P(UploadPackTest, HidesRefs) {
  git_({"-C", "origin", "update-ref", "refs/secret/x", "HEAD"});
  git_({"-C", "origin", "config", "transfer.hideRefs", "refs/secret"});
  const auto refs = git_.tryRun(client(".", {"ls-remote", kUploadPack, url()}));
  EXPECT_THAT(refs.out, Not(HasSubstr("secret")));
}

TEST_P(UploadPackTest, ServesFromAShallowRepository) {
  git_({"clone", "-q", "--bare", "--depth=3", url(), "cut"});
  const auto result =
      git_.tryRun(client(".", {"clone", "-q", kUploadPack, "file://" + (folder_ / "cut").string(), "copy"}));
  ASSERT_TRUE(result.status.ok()) << result.err;
  EXPECT_EQ(count("copy"), "3");
  expectSound("copy");
}

TEST_P(UploadPackTest, TellsThatAnObjectIsMissing) {
  git_.shell(
      "cd origin && blob=$(git rev-parse HEAD:top) && "
      "rm -f .git/objects/$(echo $blob | cut -c1-2)/$(echo $blob | cut -c3-)");
  const auto result = git_.tryRun(client(".", {"clone", kUploadPack, url(), "copy"}));
  EXPECT_FALSE(result.status.ok());
  EXPECT_THAT(result.err, HasSubstr("is missing"));
}

INSTANTIATE_TEST_SUITE_P(Protocols, UploadPackTest, ::testing::Values(0, 1, 2));

TEST(UploadPackSha256, ClonesAndFetches) {
  const testing_support::TempFolder folder;
  const GitProgram git(folder.path());
  git.shell(
      "git init -q --object-format=sha256 origin && cd origin && echo a >a && git add a && "
      "git commit -qm a && git repack -adq && echo b >a && git commit -qam b");
  const std::string url = "file://" + (folder / "origin").string();
  git({"clone", "-q", kUploadPack, url, "copy"});
  git.shell("cd origin && echo c >a && git commit -qam c");
  git({"-C", "copy", "fetch", "-q", kUploadPack});
  git({"-C", "copy", "fsck", "--full", "--strict"});
  EXPECT_EQ(git({"-C", "copy", "rev-parse", "origin/main"}), git({"-C", "origin", "rev-parse", "main"}));
}

}  // namespace
}  // namespace git
