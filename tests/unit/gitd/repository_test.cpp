#include "gitd/repository.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <thread>

#include "base/child_process.h"
#include "base/error.h"
#include "tests/support/temp_folder.h"
#include "tests/unit/gitd/git_objects.h"

namespace gitd {
namespace {

namespace fs = std::filesystem;

class RepositoryTest : public ::testing::Test {
 protected:
  RepositoryTest() { createRepository(repository_); }

  std::string commit(const std::string& text) {
    return testing::writeCommit(
        repository_,
        testing::writeTree(repository_, {{"100644", "f", testing::writeBlob(repository_, text)}}));
  }
  static base::Errc codeOf(const std::function<void()>& body) {
    try {
      body();
    } catch (const base::Error& error) {
      return error.code();
    }
    return base::Errc::internal;
  }
  std::string git(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), {"git", "-C", repository_.string()});
    return base::mustRun(arguments);
  }

  testing_support::TempFolder folder_;
  fs::path repository_ = folder_ / "r.git";
};

TEST_F(RepositoryTest, IsOneThatGitCanRead) {
  EXPECT_EQ(git({"symbolic-ref", "HEAD"}), "refs/heads/main\n");
  git({"fsck", "--strict"});
  EXPECT_FALSE(fs::exists(repository_ / "hooks"));
  EXPECT_EQ(codeOf([&] { createRepository(repository_); }), base::Errc::alreadyExists);
  EXPECT_EQ(std::distance(fs::directory_iterator(folder_.path()), fs::directory_iterator()), 1);
  // Not even an empty folder is replaced.
  fs::create_directory(folder_ / "taken.git");
  EXPECT_EQ(codeOf([&] { createRepository(folder_ / "taken.git"); }), base::Errc::alreadyExists);
}

TEST_F(RepositoryTest, MovesARefOnlyFromWhatItWas) {
  const std::string one = commit("1");
  const std::string two = commit("2");
  EXPECT_FALSE(readRef(repository_, "refs/heads/main"));
  EXPECT_EQ(codeOf([&] { updateRef(repository_, "refs/heads/main", one, two); }), base::Errc::conflict);
  updateRef(repository_, "refs/heads/main", std::nullopt, one);
  EXPECT_EQ(readRef(repository_, "refs/heads/main"), one);
  EXPECT_EQ(codeOf([&] { updateRef(repository_, "refs/heads/main", std::nullopt, two); }),
            base::Errc::conflict);
  EXPECT_EQ(codeOf([&] { updateRef(repository_, "refs/heads/main", two, two); }), base::Errc::conflict);
  updateRef(repository_, "refs/heads/main", one, two);
  EXPECT_EQ(git({"rev-parse", "main"}), two + "\n");
  EXPECT_FALSE(fs::exists(repository_ / "refs/heads/main.lock"));
}

TEST_F(RepositoryTest, OneOfManyAtOnceWins) {
  const std::string base = commit("0");
  updateRef(repository_, "refs/heads/main", std::nullopt, base);
  std::vector<std::string> ids;
  for (int i = 0; i < 8; ++i)
    ids.push_back(commit("id" + std::to_string(i)));
  std::atomic<int> won{0};
  {
    std::vector<std::jthread> threads;
    for (const std::string& id : ids) {
      threads.emplace_back([&] {
        if (codeOf([&] { updateRef(repository_, "refs/heads/main", base, id); }) == base::Errc::internal)
          ++won;
      });
    }
  }
  EXPECT_EQ(won, 1);
  EXPECT_NE(std::find(ids.begin(), ids.end(), readRef(repository_, "refs/heads/main")), ids.end());
}

TEST_F(RepositoryTest, UnderstandsPackedRefs) {
  const std::string one = commit("1");
  const std::string two = commit("2");
  updateRef(repository_, "refs/heads/a/b", std::nullopt, one);
  git({"pack-refs", "--all"});
  EXPECT_EQ(readRef(repository_, "refs/heads/a/b"), one);
  updateRef(repository_, "refs/heads/a/b", one, two);
  EXPECT_EQ(git({"rev-parse", "a/b"}), two + "\n");
  git({"pack-refs", "--all"});
  // A name cannot be a folder as well, loose or packed.
  EXPECT_EQ(codeOf([&] { updateRef(repository_, "refs/heads/a", std::nullopt, one); }), base::Errc::conflict);
  EXPECT_EQ(codeOf([&] { updateRef(repository_, "refs/heads/a/b/c", std::nullopt, one); }),
            base::Errc::conflict);
  updateRef(repository_, "refs/heads/loose", std::nullopt, one);
  EXPECT_EQ(codeOf([&] { updateRef(repository_, "refs/heads/loose/x", std::nullopt, one); }),
            base::Errc::conflict);
}

TEST_F(RepositoryTest, RefusesRefsToNothingAndNamesThatAreNone) {
  const std::string one = commit("1");
  EXPECT_EQ(codeOf([&] { updateRef(repository_, "refs/heads/main", std::nullopt, std::string(40, '3')); }),
            base::Errc::notFound);
  EXPECT_EQ(codeOf([&] { forceRef(repository_, "refs/heads/main", std::string(40, '3')); }),
            base::Errc::notFound);
  EXPECT_EQ(codeOf([&] { forceRef(repository_, "refs/heads/main", "xyz"); }), base::Errc::invalidArgument);
  for (const char* name : {"refs/heads/../../x", "main", "objects/pack/x", "refs/heads/a.lock", ""}) {
    EXPECT_EQ(codeOf([&] { updateRef(repository_, name, std::nullopt, one); }), base::Errc::invalidArgument)
        << name;
    EXPECT_EQ(codeOf([&] { readRef(repository_, name); }), base::Errc::invalidArgument) << name;
    EXPECT_EQ(codeOf([&] { setHead(repository_, name); }), base::Errc::invalidArgument) << name;
  }
}

TEST_F(RepositoryTest, SetsRefsAndHeadByForce) {
  const std::string one = commit("1");
  const std::string two = commit("2");
  forceRef(repository_, "refs/heads/master", one);
  forceRef(repository_, "refs/heads/master", two);
  setHead(repository_, "refs/heads/master");
  EXPECT_EQ(readRef(repository_, "HEAD"), two);
  EXPECT_EQ(git({"rev-parse", "HEAD"}), two + "\n");
}

TEST_F(RepositoryTest, KnowsWhatDescendsFromWhat) {
  const std::string tree = testing::writeTree(repository_, {});
  const std::string first = testing::writeCommit(repository_, tree);
  const std::string second = git({"-c", "user.name=t", "-c", "user.email=t@example.org", "commit-tree", tree,
                                  "-p", first, "-m", "second"})
                                 .substr(0, 40);
  const std::string third = git({"-c", "user.name=t", "-c", "user.email=t@example.org", "commit-tree", tree,
                                 "-p", second, "-m", "third"})
                                .substr(0, 40);
  EXPECT_TRUE(isAncestor(repository_, nullptr, first, third));
  EXPECT_TRUE(isAncestor(repository_, nullptr, third, third));
  EXPECT_FALSE(isAncestor(repository_, nullptr, third, first));
}

TEST_F(RepositoryTest, AcceptsAQuarantineOnce) {
  const fs::path other = folder_ / "other.git";
  createRepository(other);
  const std::string id = testing::writeCommit(other, testing::writeTree(other, {}));
  forceRef(other, "refs/heads/main", id);
  base::mustRun({"git", "-C", other, "repack", "-adq"});
  auto quarantine = std::make_shared<Quarantine>(repository_);
  for (const auto& entry : fs::directory_iterator(other / "objects/pack"))
    fs::copy(entry.path(), quarantine->objects() / "pack" / entry.path().filename());
  const auto visible = [&](const Quarantine* aside) {
    return openObjects(repository_, aside)->contains(*git::ObjectId::parse(git::ObjectFormat::sha1, id));
  };
  EXPECT_TRUE(visible(quarantine.get()));
  EXPECT_FALSE(visible(nullptr));
  quarantine->accept();
  quarantine->accept();
  quarantine.reset();
  EXPECT_TRUE(visible(nullptr));
  EXPECT_TRUE(fs::is_empty(repository_ / "quarantine"));
  git({"fsck", "--strict"});
  // The same pack once more: nothing changes.
  Quarantine again(repository_);
  for (const auto& entry : fs::directory_iterator(other / "objects/pack"))
    fs::copy(entry.path(), again.objects() / "pack" / entry.path().filename());
  again.accept();
  EXPECT_EQ(git({"cat-file", "-t", id}), "commit\n");
}

TEST_F(RepositoryTest, SweepsWhatAKilledDaemonLeft) {
  fs::create_directories(repository_ / "quarantine/AbCdEf/objects/pack");
  folder_.write("r.git/quarantine/AbCdEf/objects/pack/tmp_pack", "half");
  // Nothing that a living push has.
  Quarantine living(repository_);
  sweepQuarantines(repository_);
  EXPECT_FALSE(fs::exists(repository_ / "quarantine/AbCdEf"));
  EXPECT_TRUE(fs::exists(living.objects()));
  const std::string one = commit("1");
  updateRef(repository_, "refs/heads/main", std::nullopt, one);
  sweepQuarantines(repository_);
}

}  // namespace
}  // namespace gitd
