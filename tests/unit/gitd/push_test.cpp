#include <gmock/gmock.h>

#include <chrono>
#include <future>
#include <thread>

#include "tests/unit/gitd/git_objects.h"
#include "tests/unit/gitd/server_fixture.h"

namespace gitd::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

class PushTest : public ServerTest {};

TEST_F(PushTest, StoresTheFirstPushAndTheNext) {
  start();
  const auto repository = makeRepository("hello");
  const auto work = makeWorkTree("work", "hello");
  const auto first = git(work, {"push", "fairlead", "main"});
  ASSERT_TRUE(first.status.ok()) << first.err;
  EXPECT_THAT(first.err, HasSubstr("remote: -----> built"));
  EXPECT_THAT(first.err, HasSubstr("[new branch]      main -> main"));
  commitFile(work, "second", "more\n");
  const auto second = git(work, {"push", "fairlead", "main"});
  ASSERT_TRUE(second.status.ok()) << second.err;
  const std::string head = git(work, {"rev-parse", "HEAD"}).out;
  EXPECT_EQ(readRef(repository, "refs/heads/main").value_or("") + "\n", head);
  EXPECT_TRUE(run({"git", "-C", repository, "fsck", "--strict"}).status.ok());
  EXPECT_TRUE(quarantineIsEmpty(repository));
  EXPECT_EQ(handler_.pushes, 2);
}

TEST_F(PushTest, HasNothingToDoForAPushOfWhatIsThere) {
  start();
  makeRepository("hello");
  const auto work = makeWorkTree("work", "hello");
  ASSERT_TRUE(git(work, {"push", "fairlead", "main"}).status.ok());
  const auto again = git(work, {"push", "fairlead", "main"});
  EXPECT_TRUE(again.status.ok());
  EXPECT_THAT(again.err, HasSubstr("Everything up-to-date"));
  EXPECT_EQ(handler_.pushes, 1);
}

TEST_F(PushTest, TellsWhyARefWasRefused) {
  handler_.onUpdate = [](const RefUpdate& update) -> std::optional<std::string> {
    if (update.ref == "refs/heads/main") return std::nullopt;
    return "only main is deployed: git push fairlead HEAD:main";
  };
  start();
  const auto repository = makeRepository("hello");
  const auto work = makeWorkTree("work", "hello");
  const auto refused = git(work, {"push", "fairlead", "main:topic"});
  EXPECT_EQ(refused.status.code, 1);
  EXPECT_THAT(
      refused.err,
      HasSubstr("! [remote rejected] main -> topic (only main is deployed: git push fairlead HEAD:main)"));
  EXPECT_EQ(handler_.pushes, 0);
  EXPECT_TRUE(quarantineIsEmpty(repository));
  // The others of the same push are not held back by it.
  const auto mixed = git(work, {"push", "fairlead", "main", "main:topic"});
  EXPECT_EQ(mixed.status.code, 1);
  EXPECT_THAT(mixed.err, HasSubstr("[new branch]      main -> main"));
  EXPECT_THAT(mixed.err, HasSubstr("! [remote rejected] main -> topic"));
  EXPECT_TRUE(readRef(repository, "refs/heads/main"));
  EXPECT_FALSE(readRef(repository, "refs/heads/topic"));
}

TEST_F(PushTest, LeavesTheRefWhenTheBuildFails) {
  handler_.onPush = [](const PushRequest&, base::ByteSink& output, const std::stop_token&) {
    output.write(" !     no buildpack\n");
    return PushOutcome{false, "build failed (exit 1)"};
  };
  start();
  const auto repository = makeRepository("hello");
  const auto work = makeWorkTree("work", "hello");
  const auto failed = git(work, {"push", "fairlead", "main"});
  EXPECT_EQ(failed.status.code, 1);
  EXPECT_THAT(failed.err, HasSubstr("remote:  !     no buildpack"));
  EXPECT_THAT(failed.err, HasSubstr("! [remote rejected] main -> main (build failed (exit 1))"));
  EXPECT_FALSE(readRef(repository, "refs/heads/main"));
  EXPECT_TRUE(quarantineIsEmpty(repository));
  EXPECT_TRUE(std::filesystem::is_empty(repository / "objects/pack"));
}

TEST_F(PushTest, RefusesToDeleteARef) {
  start();
  const auto repository = makeRepository("hello");
  const auto work = makeWorkTree("work", "hello");
  ASSERT_TRUE(git(work, {"push", "fairlead", "main"}).status.ok());
  const auto deleted = git(work, {"push", "fairlead", ":main"});
  EXPECT_EQ(deleted.status.code, 1);
  EXPECT_THAT(deleted.err, HasSubstr("refs cannot be deleted"));
  EXPECT_TRUE(readRef(repository, "refs/heads/main"));
}

TEST_F(PushTest, StreamsOutputWhileTheBuildRuns) {
  std::promise<void> sawFirst;
  std::promise<void> mayEnd;
  handler_.onPush = [&](const PushRequest& request, base::ByteSink& output, const std::stop_token&) {
    output.write("first line\npartial");
    mayEnd.get_future().wait();
    output.write(" and \x1b[31mred\x1b[0m, not \x1b[2Jcleared\x07\n");
    return ScriptedPushHandler::accept(request);
  };
  start();
  makeRepository("hello");
  const auto work = makeWorkTree("work", "hello");
  auto [readEnd, writeEnd] = base::makePipe();
  auto push = spawnGit(work, {"push", "--progress", "fairlead", "main"}, writeEnd);
  writeEnd.reset();
  std::string seen;
  char buffer[4096];
  // The build has not ended, yet its line is there; git itself holds back what is no line yet.
  while (seen.find("first line") == std::string::npos) {
    const std::size_t count = base::readSome(readEnd, buffer, sizeof buffer);
    ASSERT_GT(count, 0u) << seen;
    seen.append(buffer, count);
  }
  mayEnd.set_value();
  while (const std::size_t count = base::readSome(readEnd, buffer, sizeof buffer))
    seen.append(buffer, count);
  EXPECT_TRUE(push.wait().ok());
  server_.reset();  // before what its threads use
  EXPECT_THAT(seen, HasSubstr("partial and \x1b[31mred\x1b[0m, not cleared"));
  EXPECT_THAT(seen, Not(HasSubstr("\x07")));
}

TEST_F(PushTest, TellsHowToMakeAnAppThatIsNotThere) {
  start();
  const auto work = makeWorkTree("work", "nothing");
  const auto push = git(work, {"push", "fairlead", "main"});
  EXPECT_EQ(push.status.code, 128);
  EXPECT_THAT(
      push.err,
      HasSubstr("fairlead: no app \"nothing\" that you may use; create it with: apps:create nothing"));
  const auto odd = git(work, {"push", "ssh://git@127.0.0.1:" + port() + "/../../etc", "main"});
  EXPECT_THAT(odd.err, HasSubstr("fairlead: no app \"../../etc\" that you may use"));
}

TEST_F(PushTest, TellsAStrangerWhichKeyWasOffered) {
  start();
  makeRepository("hello");
  key("mallory");
  const auto work = makeWorkTree("work", "hello");
  const auto push = git(work, {"push", "fairlead", "main"}, "mallory");
  EXPECT_EQ(push.status.code, 128);
  EXPECT_THAT(push.err, HasSubstr("Permission denied"));
  EXPECT_THAT(push.err, HasSubstr("is not known here"));
  EXPECT_EQ(handler_.pushes, 0);
}

TEST_F(PushTest, PassesPushOptionsOn) {
  std::vector<std::string> seen;
  handler_.onPush = [&](const PushRequest& request, base::ByteSink&, const std::stop_token&) {
    seen = request.options;
    return ScriptedPushHandler::accept(request);
  };
  handler_.onOptions = [](const std::vector<std::string>& options) -> std::optional<std::string> {
    for (const auto& option : options) {
      if (option == "bogus") return "unknown push option bogus; known are: no-cache, detach";
    }
    return std::nullopt;
  };
  start();
  makeRepository("hello");
  const auto work = makeWorkTree("work", "hello");
  const auto refused = git(work, {"push", "-o", "bogus", "fairlead", "main"});
  EXPECT_EQ(refused.status.code, 1);
  EXPECT_THAT(refused.err, HasSubstr("unknown push option bogus; known are: no-cache, detach"));
  ASSERT_TRUE(
      git(work, {"push", "-o", "no-cache", "-o", "message=two words", "fairlead", "main"}).status.ok());
  server_.reset();  // its threads have written `seen`
  EXPECT_THAT(seen, ::testing::ElementsAre("no-cache", "message=two words"));
}

TEST_F(PushTest, CompletesAThinPack) {
  start();
  const auto repository = makeRepository("hello");
  const auto work = makeWorkTree("work", "hello");
  std::string text;
  for (int line = 0; line < 2000; ++line)
    text += "line " + std::to_string(line * 7919) + "\n";
  commitFile(work, "long", text);
  ASSERT_TRUE(git(work, {"push", "fairlead", "main"}).status.ok());
  commitFile(work, "long", text + "one more\n");
  const auto push = git(work, {"push", "--thin", "fairlead", "main"});
  ASSERT_TRUE(push.status.ok()) << push.err;
  EXPECT_TRUE(run({"git", "-C", repository, "fsck", "--strict"}).status.ok());
  // Every pack stands by itself.
  for (const auto& entry : std::filesystem::directory_iterator(repository / "objects/pack")) {
    if (entry.path().extension() != ".idx") continue;
    EXPECT_TRUE(run({"git", "verify-pack", entry.path()}).status.ok());
  }
}

TEST_F(PushTest, TakesAPushOfManyObjectsAndTags) {
  start();
  const auto repository = makeRepository("hello");
  const auto work = makeWorkTree("work", "hello");
  for (int commit = 0; commit < 4; ++commit) {
    for (int file = 0; file < 20; ++file) {
      folder_.write("work/d" + std::to_string(file) + "/f",
                    std::string(1000, static_cast<char>('a' + commit)) + std::to_string(file));
    }
    commitFile(work, "n", std::to_string(commit));
  }
  git(work, {"tag", "-a", "-m", "One", "v1"});
  const auto push = git(work, {"push", "fairlead", "main", "v1"});
  ASSERT_TRUE(push.status.ok()) << push.err;
  EXPECT_EQ(handler_.pushes, 2);
  EXPECT_TRUE(run({"git", "-C", repository, "fsck", "--strict", "--full"}).status.ok());
  // An old commit under a new name: a pack without objects.
  EXPECT_TRUE(git(work, {"push", "fairlead", "main~2:refs/heads/old"}).status.ok());
}

TEST_F(PushTest, NamesTheSettingWhenAPackIsTooLarge) {
  start([](SshServerConfig& config) { config.packMaxBytes = 64u << 10; });
  const auto repository = makeRepository("hello");
  const auto work = makeWorkTree("work", "hello");
  std::string noise;
  unsigned state = 1;
  while (noise.size() < 400'000)
    noise.push_back(static_cast<char>((state = state * 1103515245 + 12345) >> 16));
  commitFile(work, "noise", noise);
  const auto push = git(work, {"push", "fairlead", "main"});
  EXPECT_FALSE(push.status.ok());
  EXPECT_THAT(push.err, HasSubstr("setting pack_max_bytes"));
  EXPECT_TRUE(quarantineIsEmpty(repository));
}

TEST_F(PushTest, NamesTheSettingWhenAFileIsTooLarge) {
  start([](SshServerConfig& config) { config.objectMaxBytes = 100'000; });
  makeRepository("hello");
  const auto work = makeWorkTree("work", "hello");
  commitFile(work, "zeros", std::string(200'000, '\0'));
  const auto push = git(work, {"push", "fairlead", "main"});
  EXPECT_FALSE(push.status.ok());
  EXPECT_THAT(push.err, HasSubstr("setting object_max_bytes"));
}

TEST_F(PushTest, RefusesAHarmfulTreeByItsName) {
  start();
  const auto repository = makeRepository("hello");
  const auto work = makeWorkTree("work", "hello");
  const std::string blob = writeBlob(work / ".git", "evil");
  const std::string bad = writeCommit(work / ".git", writeTree(work / ".git", {{"100644", ".GIT", blob}}));
  const auto push = git(work, {"push", "fairlead", bad + ":refs/heads/main"});
  EXPECT_FALSE(push.status.ok());
  EXPECT_THAT(push.err, HasSubstr("hasDotgit: contains '.git'"));
  EXPECT_TRUE(quarantineIsEmpty(repository));
  EXPECT_EQ(handler_.pushes, 0);
}

TEST_F(PushTest, TakesAPushFromAShallowClone) {
  start();
  const auto repository = makeRepository("hello");
  const auto work = makeWorkTree("work", "hello");
  commitFile(work, "second", "more\n");
  ASSERT_TRUE(
      run({"git", "clone", "-q", "--depth=1", "file://" + work.string(), folder_ / "shallow"}).status.ok());
  const auto push = git(folder_ / "shallow", {"push", url("hello"), "main"});
  EXPECT_TRUE(push.status.ok()) << push.err;
  EXPECT_TRUE(quarantineIsEmpty(repository));
  EXPECT_EQ(run({"git", "-C", repository, "rev-list", "--count", "main"}).out, "1\n");
  EXPECT_TRUE(run({"git", "-C", repository, "fsck", "--full", "--strict"}).status.ok());
  // It goes on from there, and a whole clone may push the rest.
  commitFile(folder_ / "shallow", "third", "more\n");
  EXPECT_TRUE(git(folder_ / "shallow", {"push", url("hello"), "main"}).status.ok());
  commitFile(work, "other", "more\n");
  const auto whole = git(work, {"push", "-f", "fairlead", "main"});
  EXPECT_TRUE(whole.status.ok()) << whole.err;
  EXPECT_TRUE(run({"git", "-C", repository, "fsck", "--full", "--strict"}).status.ok());
}

// The attack: a forced push took a file away; who has seen its id in a log makes a commit that names it
// (git mktree --missing), sends the commit and its tree alone, and would clone the file.
TEST_F(PushTest, GivesNobodyWhatAForcedPushTookAway) {
  start();
  const auto repository = makeRepository("hello");
  const auto work = makeWorkTree("work", "hello");
  git(work, {"branch", "before"});
  commitFile(work, "secret", "a password\n");
  ASSERT_TRUE(git(work, {"push", "fairlead", "main"}).status.ok());
  const std::string secret = git(work, {"rev-parse", "HEAD:secret"}).out.substr(0, 40);
  ASSERT_TRUE(git(work, {"push", "-f", "fairlead", "before:main"}).status.ok());
  ASSERT_TRUE(run({"git", "-C", repository, "cat-file", "-e", secret}).status.ok());
  const auto attack = [&](const std::string& id) {
    const std::string script =
        "old=$(git rev-parse before); tree=$(printf '100644 blob " + id +
        "\tstolen' | git mktree --missing); new=$(git commit-tree -p before -m x $tree); "
        "printf '0073%s %s refs/heads/main\\0report-status0000' $old $new; "
        "printf '%s\\n%s\\n' $new $tree | git pack-objects --stdout -q";
    base::CommandOptions options;
    options.environment = environment("alice");
    options.input = run({"sh", "-c", script}, work).out;
    auto argv = sshCommand("alice");
    argv.insert(argv.end(), {"-p", port(), "git@127.0.0.1", "git-receive-pack 'hello'"});
    const std::string out = base::runCommand(argv, options).out;
    const std::size_t at = out.find("unpack ");
    return at == std::string::npos ? out : out.substr(at);
  };
  const std::string heard = attack(secret);
  EXPECT_THAT(heard, HasSubstr("missing object " + secret));
  EXPECT_THAT(heard, HasSubstr("ng refs/heads/main unpacker error"));
  const std::string other(40, '7');
  EXPECT_EQ(heard.substr(0, heard.find(secret)), attack(other).substr(0, heard.find(secret)));
  EXPECT_EQ(readRef(repository, "refs/heads/main").value_or("") + "\n",
            git(work, {"rev-parse", "before"}).out);
  EXPECT_TRUE(quarantineIsEmpty(repository));
  // Who has it may bring it again.
  EXPECT_TRUE(git(work, {"push", "fairlead", "main"}).status.ok());
}

TEST_F(PushTest, DeploysOneBranchAtomically) {
  start();
  const auto repository = makeRepository("hello");
  const auto work = makeWorkTree("work", "hello");
  const auto two = git(work, {"push", "--atomic", "fairlead", "main", "main:master"});
  EXPECT_THAT(two.err, HasSubstr("only one branch can be deployed by an atomic push"));
  EXPECT_EQ(handler_.pushes, 0);
  EXPECT_TRUE(git(work, {"push", "--atomic", "fairlead", "main"}).status.ok());
  EXPECT_TRUE(readRef(repository, "refs/heads/main"));
}

TEST_F(PushTest, TakesTwentyPushesAtOnce) {
  start();
  const auto work = makeWorkTree("work", "app0");
  std::vector<base::ChildProcess> pushes;
  const base::Fd nowhere = base::openFile("/dev/null", 1);
  for (int i = 0; i < 20; ++i)
    makeRepository("app" + std::to_string(i));
  for (int i = 0; i < 20; ++i)
    pushes.push_back(spawnGit(work, {"push", "-q", url("app" + std::to_string(i)), "main"}, nowhere));
  for (auto& push : pushes)
    EXPECT_TRUE(push.wait().ok());
  EXPECT_EQ(handler_.pushes, 20);
}

}  // namespace
}  // namespace gitd::testing
