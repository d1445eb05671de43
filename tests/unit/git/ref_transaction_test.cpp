#include "git/ref_transaction.h"

#include <gmock/gmock.h>

#include <atomic>
#include <fstream>
#include <thread>

#include "base/child_process.h"
#include "base/error.h"
#include "tests/support/killer.h"
#include "tests/support/temp_folder.h"

namespace git {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;
using Kind = RefFailure::Kind;

class RefTransactionTest : public ::testing::Test {
 protected:
  RefTransactionTest() {
    createRepository(folder_ / "r.git");
    const std::string tree = git({"mktree", "--missing"});
    one_ = commit(tree, "one");
    two_ = commit(tree, "two");
  }

  std::string git(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(),
                     {"git", "-C", folder_ / "r.git", "-c", "user.name=A", "-c", "user.email=a@example.org"});
    std::string out = base::mustRun(arguments);
    if (out.ends_with('\n')) out.pop_back();
    return out;
  }
  ObjectId commit(const std::string& tree, const std::string& message) {
    return *ObjectId::parse(ObjectFormat::sha1, git({"commit-tree", tree, "-m", message}));
  }
  Repository repository() { return openBareRepository(folder_ / "r.git"); }
  /// "" for done.
  std::vector<std::string> change(const std::vector<RefChange>& changes, RefMode mode = RefMode::each,
                                  const RefTransactionOptions& options = {}) {
    RefStore store(repository());
    std::vector<std::string> texts;
    for (const auto& failure : changeRefs(store, changes, mode, options))
      texts.push_back(failure ? failure->text : "");
    return texts;
  }
  std::optional<ObjectId> read(const std::string& name) { return RefStore(repository()).resolve(name); }
  bool exists(const std::string& name) { return fs::exists(folder_ / ("r.git/" + name)); }
  /// No lock, no stage, and git is content.
  void expectClean() {
    expectNothingLeft();
    git({"for-each-ref"});
  }
  void expectNothingLeft() {
    for (const auto& entry : fs::recursive_directory_iterator(folder_ / "r.git"))
      EXPECT_NE(entry.path().extension(), ".lock") << entry.path();
    EXPECT_TRUE(!exists("ref-transactions") || fs::is_empty(folder_ / "r.git/ref-transactions"));
  }

  const ObjectId none_ = ObjectId::null(ObjectFormat::sha1);
  testing_support::TempFolder folder_;
  ObjectId one_;
  ObjectId two_;
};

TEST_F(RefTransactionTest, CreatesMovesAndDeletes) {
  const std::string name = "refs/heads/a/b";
  EXPECT_EQ(change({{name, one_, none_}}).front(), "");
  EXPECT_EQ(git({"rev-parse", name}), one_.hex());
  EXPECT_EQ(change({{name, two_, one_}}).front(), "");
  EXPECT_EQ(change({{name, one_, std::nullopt}}).front(), "");
  git({"pack-refs", "--all"});
  EXPECT_EQ(change({{name, two_, one_}}).front(), "");
  EXPECT_EQ(change({{name, none_, two_}}).front(), "");
  EXPECT_FALSE(read(name));
  EXPECT_EQ(git({"for-each-ref"}), "");
  EXPECT_FALSE(exists("refs/heads/a"));
  EXPECT_TRUE(exists("refs/heads"));
  expectClean();
}

TEST_F(RefTransactionTest, ComparesWhatARefSays) {
  const std::string name = "refs/heads/main";
  EXPECT_THAT(change({{name, two_, one_}}).front(), HasSubstr("reference is missing but expected"));
  change({{name, one_, none_}});
  EXPECT_THAT(change({{name, two_, none_}}).front(), HasSubstr("reference already exists"));
  EXPECT_THAT(change({{name, one_, two_}}).front(),
              HasSubstr("is at " + one_.hex() + " but expected " + two_.hex()));
  EXPECT_THAT(change({{"refs/heads/a b", one_, none_}}).front(), HasSubstr("no valid ref name"));
  EXPECT_THAT(change({{name, two_, one_}, {name, two_, one_}}).back(), HasSubstr("multiple updates"));
  EXPECT_EQ(read(name), two_);
  expectClean();
}

TEST_F(RefTransactionTest, RefusesNamesInEachOthersWay) {
  change({{"refs/heads/a", one_, none_}, {"refs/heads/p/q", one_, none_}});
  const auto conflict = [&] {
    EXPECT_THAT(change({{"refs/heads/a/b", one_, none_}}).front(),
                HasSubstr("'refs/heads/a' exists; cannot create 'refs/heads/a/b'"));
    EXPECT_THAT(change({{"refs/heads/p", one_, none_}}).front(),
                HasSubstr("'refs/heads/p/q' exists; cannot create 'refs/heads/p'"));
  };
  conflict();
  git({"pack-refs", "--all"});
  conflict();
  EXPECT_THAT(
      change({{"refs/heads/x", one_, none_}, {"refs/heads/x/y", one_, none_}}, RefMode::atomic).back(),
      HasSubstr("at the same time"));
  EXPECT_FALSE(read("refs/heads/x"));
  // Making room in the same push.
  const auto replaced = change({{"refs/heads/a", none_, one_}, {"refs/heads/a/b", one_, none_}});
  EXPECT_EQ(replaced, (std::vector<std::string>{"", ""}));
  // Folders without refs are no hindrance.
  fs::create_directories(folder_ / "r.git/refs/heads/empty/folder");
  EXPECT_EQ(change({{"refs/heads/empty", one_, none_}}).front(), "");
  expectClean();
}

TEST_F(RefTransactionTest, IsAllOrNothingWhenAsked) {
  change({{"refs/heads/b", one_, none_}});
  const std::vector<RefChange> changes = {
      {"refs/heads/a", one_, none_}, {"refs/heads/b", two_, two_}, {"refs/heads/c", one_, none_}};
  const auto failed = change(changes, RefMode::atomic);
  EXPECT_THAT(failed[0], HasSubstr("atomic"));
  EXPECT_THAT(failed[1], HasSubstr("is at"));
  EXPECT_FALSE(read("refs/heads/a"));
  EXPECT_FALSE(read("refs/heads/c"));
  const auto each = change(changes);
  EXPECT_EQ(each[0], "");
  EXPECT_NE(each[1], "");
  EXPECT_EQ(each[2], "");
  git({"pack-refs", "--all"});
  change({{"refs/heads/a", none_, one_}, {"refs/heads/b", two_, one_}, {"refs/heads/c", none_, one_}},
         RefMode::atomic);
  EXPECT_EQ(git({"for-each-ref", "--format=%(refname)"}), "refs/heads/b");
  EXPECT_EQ(read("refs/heads/b"), two_);
  expectClean();
}

TEST_F(RefTransactionTest, FollowsSymbolicRefsAndKeepsLogs) {
  setSymbolicRef(repository(), "refs/heads/alias", "refs/heads/main");
  RefTransactionOptions options;
  options.reflog = {Reflog::Which::branches, "A Pusher <a@example.org>", "push"};
  EXPECT_EQ(change({{"refs/heads/alias", one_, none_}}, RefMode::each, options).front(), "");
  EXPECT_EQ(read("refs/heads/main"), one_);
  EXPECT_EQ(git({"symbolic-ref", "refs/heads/alias"}), "refs/heads/main");
  EXPECT_EQ(git({"reflog", "show", "--format=%gs|%gn", "refs/heads/main"}), "push|A Pusher");
  EXPECT_EQ(git({"reflog", "show", "--format=%gs", "HEAD"}), "push");
  change({{"refs/heads/main", none_, one_}}, RefMode::each, options);
  EXPECT_FALSE(exists("logs/refs/heads/main"));
  setSymbolicRef(repository(), "HEAD", "refs/heads/other");
  EXPECT_EQ(git({"symbolic-ref", "HEAD"}), "refs/heads/other");
  EXPECT_THROW(setSymbolicRef(repository(), "HEAD", "../config"), base::Error);
  expectClean();
}

TEST_F(RefTransactionTest, WaitsForALockAndTellsOfIt) {
  folder_.write("r.git/refs/heads/main.lock", "");
  EXPECT_THAT(change({{"refs/heads/main", one_, none_}}).front(), HasSubstr("File exists"));
  // Nobody knows whose it is, so it stays.
  recoverRefTransactions(repository());
  EXPECT_TRUE(exists("refs/heads/main.lock"));
  fs::remove(folder_ / "r.git/refs/heads/main.lock");
  std::atomic<int> won{0};
  {
    std::vector<std::jthread> threads;
    for (int i = 0; i < 8; ++i) {
      threads.emplace_back([&] {
        if (change({{"refs/heads/main", one_, none_}}).front().empty()) ++won;
      });
    }
  }
  EXPECT_EQ(won, 1);
  expectClean();
}

TEST_F(RefTransactionTest, AsksItsObserver) {
  std::string seen;
  bool answer = false;
  RefTransactionOptions options;
  options.observer = [&](RefPhase phase, std::span<const RefChange> changes) {
    seen += std::to_string(static_cast<int>(phase)) + changes.front().name.back();
    return answer;
  };
  EXPECT_THAT(change({{"refs/heads/m", one_, none_}}, RefMode::atomic, options).front(),
              HasSubstr("aborted"));
  EXPECT_FALSE(read("refs/heads/m"));
  answer = true;
  EXPECT_EQ(change({{"refs/heads/m", one_, none_}}, RefMode::atomic, options).front(), "");
  EXPECT_EQ(seen, "0m2m0m1m");
}

TEST_F(RefTransactionTest, IsCheapForManyRefs) {
  std::vector<RefChange> changes;
  for (int i = 0; i < 500; ++i)
    changes.push_back({"refs/heads/t" + std::to_string(i % 50) + "/b" + std::to_string(i), one_, none_});
  const auto start = std::chrono::steady_clock::now();
  for (const std::string& text : change(changes, RefMode::atomic))
    ASSERT_EQ(text, "");
  git({"pack-refs", "--all"});
  for (RefChange& each : changes)
    each = {each.name, none_, one_};
  for (const std::string& text : change(changes))
    ASSERT_EQ(text, "");
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(10));
  EXPECT_EQ(git({"for-each-ref"}), "");
  expectClean();
}

/// A process that dies at any change of the disk leaves refs that plain git reads, all old or all new once
/// the next one has looked, and no lock.
TEST_F(RefTransactionTest, SurvivesAKillAtEveryStep) {
  if (!testing_support::canKill()) GTEST_SKIP() << "ptrace is not allowed here";
  const std::vector<RefChange> setup = {{"refs/heads/packed", one_, none_},
                                        {"refs/heads/loose", one_, none_},
                                        {"refs/heads/gone", one_, none_}};
  int killed = 0;
  for (int step = 1;; step += testing_support::kStride) {
    ASSERT_LT(step, 300);
    SCOPED_TRACE("step " + std::to_string(step));
    fs::remove_all(folder_ / "r.git/refs");
    fs::create_directories(folder_ / "r.git/refs/heads");
    std::string packed = "# pack-refs with: peeled fully-peeled sorted \n";
    for (const char* name : {"gone", "loose", "packed"})
      packed += one_.hex() + " refs/heads/" + name + "\n";
    folder_.write("r.git/packed-refs", packed);
    ASSERT_EQ(change({{"refs/heads/loose", one_, one_}}).front(), "");
    const auto result = testing_support::runAndKill(step, [&] {
      const auto done = change({{"refs/heads/packed", two_, one_},
                                {"refs/heads/loose", two_, one_},
                                {"refs/heads/gone", none_, one_},
                                {"refs/heads/new/one", two_, none_}},
                               RefMode::atomic);
      return done == std::vector<std::string>(4) ? 0 : 1;
    });
    killed += result.killed ? 1 : 0;
    // Before anybody repairs anything.
    if (step % 8 == 1) git({"for-each-ref"});
    recoverRefTransactions(repository());
    const bool moved = read("refs/heads/packed") == two_;
    EXPECT_TRUE(moved || result.killed) << "acknowledged and lost";
    EXPECT_EQ(read("refs/heads/packed"), moved ? two_ : one_);
    EXPECT_EQ(read("refs/heads/loose"), moved ? two_ : one_);
    EXPECT_EQ(read("refs/heads/gone").has_value(), !moved);
    EXPECT_EQ(read("refs/heads/new/one").has_value(), moved);
    expectNothingLeft();
    ASSERT_EQ(change({{"refs/heads/next", one_, std::nullopt}}).front(), "");
    if (!result.killed) {
      EXPECT_EQ(result.exitStatus, 0);
      git({"fsck", "--full", "--strict"});
      break;
    }
  }
  EXPECT_GT(killed * testing_support::kStride, 20);
}

}  // namespace
}  // namespace git
