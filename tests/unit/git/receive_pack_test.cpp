#include "git/receive_pack.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>
#include <map>

#include "base/fd.h"
#include "git/pkt_line.h"
#include "git/receive_pack_program.h"
#include "git/ref_store.h"
#include "git/ref_transaction.h"
#include "tests/support/killer.h"
#include "tests/support/temp_folder.h"
#include "tests/unit/git/git_program.h"

namespace git {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;
using ::testing::Not;

const std::string kReceivePack = GIT_DROP_INS " receive-pack";

/// The drop-in at the other end of the real git push.
class ReceivePackTest : public ::testing::Test {
 protected:
  explicit ReceivePackTest(ObjectFormat objectFormat = ObjectFormat::sha1)
      : format_(objectFormat), work_(folder_ / "work"), bare_(folder_ / "r.git") {
    const std::string format = "--object-format=" + std::string(name(format_));
    fs::create_directories(work_.folder());
    work_({"init", "-q", format, "."});
    createRepository(bare_.folder(), format_);
    work_({"remote", "add", "origin", bare_.folder()});
    work_({"config", "remote.origin.receivepack", kReceivePack});
    commit("one");
  }

  void commit(const std::string& text) {
    std::ofstream(work_.folder() / "file") << text << "\n";
    work_({"add", "-A"});
    work_({"commit", "-q", "-m", text});
  }
  base::CommandOutput push(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), {"git", "push", "origin"});
    return work_.tryRun(arguments);
  }
  void hook(const std::string& name, const std::string& script) {
    const auto file = folder_.write("r.git/hooks/" + name, "#!/bin/sh\n" + script);
    ::chmod(file.c_str(), 0755);
  }
  std::string ref(const std::string& name) {
    const auto id = RefStore(openBareRepository(bare_.folder())).resolve(name);
    return id ? id->hex() : "";
  }
  std::string head() { return work_({"rev-parse", "HEAD"}); }
  void expectClean() {
    EXPECT_FALSE(fs::exists(bare_.folder() / "quarantine") && !fs::is_empty(bare_.folder() / "quarantine"));
    bare_({"fsck", "--full", "--strict"});
  }
  /// What the drop-in answers to these bytes.
  base::CommandOutput answer(const std::string& input) {
    base::CommandOptions options;
    options.input = input;
    return base::runCommand({GIT_DROP_INS, "receive-pack", bare_.folder()}, options);
  }

  const ObjectFormat format_;
  testing_support::TempFolder folder_;
  testing::GitProgram work_;
  testing::GitProgram bare_;
};

class ReceivePackFormatTest : public ReceivePackTest, public ::testing::WithParamInterface<ObjectFormat> {
 protected:
  ReceivePackFormatTest() : ReceivePackTest(GetParam()) {}
};

TEST_P(ReceivePackFormatTest, StoresPushesAndDeletes) {
  EXPECT_THAT(push({"HEAD:main", "HEAD:refs/tags/v1"}).err, HasSubstr("[new branch]      HEAD -> main"));
  EXPECT_EQ(ref("refs/heads/main"), head());
  commit("two");
  EXPECT_TRUE(push({"HEAD:main"}).status.ok());
  EXPECT_EQ(ref("refs/heads/main"), head());
  EXPECT_THAT(push({"HEAD:main"}).err, HasSubstr("Everything up-to-date"));
  EXPECT_THAT(push({":v1"}).err, HasSubstr("[deleted]         v1"));
  EXPECT_EQ(ref("refs/tags/v1"), "");
  EXPECT_EQ(fs::exists(bare_.folder() / "objects" / head().substr(0, 2)), false);  // packs stay packs
  expectClean();
}

TEST_P(ReceivePackFormatTest, IsAtomicWhenAsked) {
  ASSERT_TRUE(push({"HEAD:main"}).status.ok());
  commit("two");
  bare_({"config", "receive.denyNonFastForwards", "true"});
  work_({"checkout", "-q", "--orphan", "other"});
  commit("other");
  const auto refused = push({"--atomic", "-f", "HEAD:main", "HEAD:new"});
  EXPECT_FALSE(refused.status.ok());
  EXPECT_THAT(refused.err, HasSubstr("remote rejected] HEAD -> main (non-fast-forward)"));
  EXPECT_THAT(refused.err, HasSubstr("(atomic push failure)"));
  EXPECT_EQ(ref("refs/heads/new"), "");
  EXPECT_FALSE(push({"-f", "HEAD:main", "HEAD:new"}).status.ok());
  EXPECT_EQ(ref("refs/heads/new"), head());
  ASSERT_TRUE(push({"--atomic", "HEAD:a", "HEAD:b/c", ":new"}).status.ok());
  EXPECT_EQ(ref("refs/heads/b/c"), head());
  EXPECT_EQ(ref("refs/heads/new"), "");
  expectClean();
}

TEST_F(ReceivePackTest, RunsHooksWithWhatTheyNeed) {
  bare_({"config", "receive.advertisePushOptions", "true"});
  hook("pre-receive",
       "cat >seen; test -n \"$GIT_QUARANTINE_PATH\" || exit 1\n"
       "read old new ref <seen; git cat-file -e $new || exit 1\n"
       "echo \"options $GIT_PUSH_OPTION_COUNT $GIT_PUSH_OPTION_0\"; test -z \"$GIT_PUSH_OPTION_1\"\n");
  hook("update", "echo \"update $1\"; test $1 != refs/heads/no\n");
  hook("post-receive", "sed 's/^/post /'\n");
  hook("post-update", "echo \"$0 after $*\"\n");
  const auto done = push({"-o", "first", "HEAD:main", "HEAD:no"});
  EXPECT_THAT(done.err, HasSubstr("remote: options 1 first"));
  EXPECT_THAT(done.err, HasSubstr("remote: update refs/heads/main"));
  EXPECT_THAT(done.err, HasSubstr("remote rejected] HEAD -> no (hook declined)"));
  EXPECT_THAT(done.err, HasSubstr(head() + " refs/heads/main"));
  EXPECT_THAT(done.err, HasSubstr("remote: hooks/post-update after refs/heads/main "));
  EXPECT_THAT(done.err, Not(HasSubstr("after refs/heads/no")));
  EXPECT_EQ(ref("refs/heads/no"), "");
  commit("two");
  const auto declined = push({"-o", "a", "-o", "b", "HEAD:main"});
  EXPECT_THAT(declined.err, HasSubstr("(pre-receive hook declined)"));
  EXPECT_NE(ref("refs/heads/main"), head());
  EXPECT_FALSE(bare_.tryRun({"git", "cat-file", "-e", head()}).status.ok());
  expectClean();
}

TEST_F(ReceivePackTest, SurvivesHooksThatDoNotListen) {
  hook("pre-receive", "exec <&-\nhead -c 300000 /dev/zero | tr '\\0' x\n");
  std::vector<std::string> refs;
  for (int i = 0; i < 300; ++i)
    refs.push_back("HEAD:refs/heads/branch-with-a-long-name-" + std::to_string(i));
  EXPECT_TRUE(push(refs).status.ok());
  EXPECT_EQ(ref("refs/heads/branch-with-a-long-name-299"), head());
}

TEST_F(ReceivePackTest, FillsSilence) {
  bare_({"config", "receive.keepalive", "1"});
  hook("pre-receive", "sleep 1.5\n");
  work_.extraEnvironment = {"GIT_TRACE_PACKET=1"};
  EXPECT_THAT(push({"HEAD:main"}).err, HasSubstr("sideband< \\1"));
}

TEST_F(ReceivePackTest, HonoursTheRepositorysRules) {
  ASSERT_TRUE(push({"HEAD:main", "HEAD:side"}).status.ok());
  EXPECT_THAT(push({":main"}).err, HasSubstr("(deletion of the current branch prohibited)"));
  bare_({"config", "receive.denyDeletes", "true"});
  EXPECT_THAT(push({":side"}).err, HasSubstr("(deletion prohibited)"));
  bare_({"config", "receive.hideRefs", "refs/heads/side"});
  EXPECT_THAT(push({"HEAD:side"}).err, HasSubstr("(deny updating a hidden ref)"));
  EXPECT_THAT(work_({"ls-remote", "--upload-pack=git-upload-pack", "origin"}), HasSubstr("refs/heads/main"));
  bare_({"config", "receive.maxInputSize", "100"});
  commit("two");
  const auto large = push({"HEAD:main"});
  EXPECT_THAT(large.err, HasSubstr("receive.maxInputSize"));
  EXPECT_THAT(large.err, HasSubstr("(unpacker error)"));
  expectClean();
}

TEST_F(ReceivePackTest, RefusesABranchThatIsCheckedOut) {
  const testing::GitProgram other(folder_ / "other");
  work_({"clone", "-q", ".", other.folder()});
  commit("two");
  const auto pushThere = [&] {
    return work_.tryRun({"git", "push", "--receive-pack", kReceivePack, other.folder(), "HEAD:main"});
  };
  EXPECT_THAT(pushThere().err, HasSubstr("(branch is currently checked out)"));
  other({"config", "receive.denyCurrentBranch", "updateInstead"});
  EXPECT_TRUE(pushThere().status.ok());
  EXPECT_EQ(other({"rev-parse", "HEAD"}), head());
  EXPECT_EQ(other({"status", "--porcelain"}), "");
  EXPECT_EQ(other({"reflog", "-1", "--format=%gs", "main"}), "push");
  commit("three");
  std::ofstream(other.folder() / "file") << "changed\n";
  EXPECT_THAT(pushThere().err, HasSubstr("(Working directory has unstaged changes)"));
}

TEST_P(ReceivePackFormatTest, TakesAShallowPushWhenAllowed) {
  commit("two");
  const testing::GitProgram shallow(folder_ / "shallow");
  work_({"clone", "-q", "--depth=1", "file://" + work_.folder().string(), shallow.folder()});
  const auto pushFrom = [&] {
    return shallow.tryRun({"git", "push", "--receive-pack", kReceivePack, bare_.folder(), "HEAD:main"});
  };
  EXPECT_THAT(pushFrom().err, HasSubstr("(shallow update not allowed)"));
  expectClean();
  bare_({"config", "receive.shallowUpdate", "true"});
  const auto taken = pushFrom();
  EXPECT_TRUE(taken.status.ok()) << taken.err;
  EXPECT_EQ(folder_.read("r.git/shallow"), head() + "\n");
  EXPECT_EQ(ref("refs/heads/main"), head());
  expectClean();
  // What is here already needs no boundary.
  commit("three");
  EXPECT_TRUE(push({"HEAD:main"}).status.ok());
  expectClean();
}

TEST_F(ReceivePackTest, OffersWhatAlternatesHave) {
  const testing::GitProgram borrower(folder_ / "borrower.git");
  createRepository(borrower.folder(), format_);
  ASSERT_TRUE(push({"HEAD:main"}).status.ok());
  folder_.write("borrower.git/objects/info/alternates", (bare_.folder() / "objects").string() + "\n");
  base::CommandOptions options;
  options.input = "0000";
  const auto listed = base::runCommand({GIT_DROP_INS, "receive-pack", borrower.folder()}, options);
  EXPECT_TRUE(listed.status.ok());
  EXPECT_THAT(listed.out, HasSubstr(head() + " .have"));
  EXPECT_TRUE(work_.tryRun({"git", "push", "--receive-pack", kReceivePack, borrower.folder(), "HEAD:main"})
                  .status.ok());
  borrower({"fsck", "--full"});
}

TEST_F(ReceivePackTest, RefusesWhatIsNotTheProtocol) {
  const std::string none(idSize(format_) * 2, '0');
  const std::string some(idSize(format_) * 2, '1');
  const std::string caps =
      std::string(1, '\0') + " report-status object-format=" + std::string(name(format_));
  const auto refusal = [&](const std::string& lines) {
    const auto result = answer(lines);
    EXPECT_EQ(result.status.code, 128);
    return result.err;
  };
  EXPECT_THAT(refusal(pktLine("rubbish")), HasSubstr("expected old/new/ref"));
  EXPECT_THAT(refusal("zzzz"), HasSubstr("bad line length"));
  EXPECT_THAT(refusal(""), HasSubstr("hung up unexpectedly"));
  EXPECT_THAT(refusal(pktLine("shallow x")), HasSubstr("expected shallow sha"));
  EXPECT_THAT(
      refusal(pktLine(none + " " + some + " refs/heads/x" + std::string(1, '\0') + "object-format=md5")),
      HasSubstr("unsupported object format 'md5'"));
  const auto none2 = answer("0000");
  EXPECT_TRUE(none2.status.ok());
  EXPECT_THAT(none2.out, HasSubstr("capabilities^{}"));
  const auto funny = answer(pktLine(none + " " + some + " refs/heads/../../x" + caps) + "0000");
  EXPECT_THAT(funny.out, HasSubstr("ng refs/heads/../../x funny refname"));
  const auto twice = answer(pktLine(some + " " + none + " refs/heads/x" + caps) +
                            pktLine(some + " " + none + " refs/heads/x") + "0000");
  EXPECT_THAT(twice.out, HasSubstr("named more than once"));
  EXPECT_THAT(twice.out, HasSubstr("ok refs/heads/x"));  // the first of them stands
  const auto early = answer(pktLine(none + " " + some + " refs/heads/x" + caps) + "0000");
  EXPECT_THAT(early.out, HasSubstr("unpack the pack ended early"));
  EXPECT_THAT(early.out, HasSubstr("ng refs/heads/x unpacker error"));
  std::string many;
  for (int i = 0; i < 40'000; ++i)
    many += pktLine(none + " " + some + " refs/heads/a-name-that-is-somewhat-long-" + std::to_string(i));
  EXPECT_THAT(refusal(many), HasSubstr("setting push_max_command_bytes"));
}

TEST_F(ReceivePackTest, RefusesNamespaces) {
  ::setenv("GIT_NAMESPACE", "other", 1);
  const auto refused = answer("0000");
  ::unsetenv("GIT_NAMESPACE");
  EXPECT_EQ(refused.status.code, 128);
  EXPECT_THAT(refused.err, HasSubstr("unset GIT_NAMESPACE"));
}

TEST_P(ReceivePackFormatTest, CanAskForWhatIsReachable) {
  bare_({"config", "fairlead.reachableOnly", "true"});
  work_.shell("mkdir -p a/b c; seq 300 >a/b/long; seq 200 >c/other");
  commit("files");
  ASSERT_TRUE(push({"HEAD:main"}).status.ok());
  work_({"branch", "start"});
  // Thin packs: deltas of what is there.
  work_.shell("seq 2 301 >a/b/long; git mv c/other a/other");
  commit("changed");
  EXPECT_TRUE(push({"HEAD:main"}).status.ok());
  work_.shell("git revert --no-edit HEAD >/dev/null; git checkout -q -b side start; seq 3 299 >a/b/long");
  commit("side");
  work_({"merge", "-q", "-X", "ours", "-m", "merged", "main"});
  EXPECT_TRUE(push({"HEAD:main", "start:old"}).status.ok());
  const std::string lost = work_({"rev-parse", "HEAD:a/b/long"});
  ASSERT_TRUE(push({"-f", "start:main"}).status.ok());
  EXPECT_TRUE(bare_.tryRun({"git", "cat-file", "-e", lost}).status.ok());
  expectClean();
  // The branch that was lost may come again from who has it.
  EXPECT_TRUE(push({"HEAD:main"}).status.ok());
  ASSERT_TRUE(push({"-f", "start:main"}).status.ok());
  const std::string stolen =
      work_.shell("commit=$(git commit-tree -p start -m x $(printf '100644 blob " + lost +
                  "\tf' | git mktree)); printf '%s\n%s\n' $commit $(git rev-parse $commit^{tree}) | git "
                  "pack-objects --stdout "
                  "-q >../pack; "
                  "echo $commit");
  const std::string request = ref("refs/heads/main") + " " + stolen + " refs/heads/main" +
                              std::string(1, '\0') +
                              " report-status object-format=" + std::string(name(format_));
  EXPECT_THAT(answer(pktLine(request) + "0000" + folder_.read("pack")).out,
              HasSubstr("ng refs/heads/main missing necessary objects"));
  bare_({"config", "fairlead.reachableOnly", "false"});
  EXPECT_THAT(answer(pktLine(request) + "0000" + folder_.read("pack")).out, HasSubstr("ok refs/heads/main"));
}

TEST_F(ReceivePackTest, LetsProcReceiveDoIt) {
  bare_({"config", "receive.procReceiveRefs", "refs/for"});
  EXPECT_THAT(push({"HEAD:refs/for/main"}).err, HasSubstr("cannot find hook 'proc-receive'"));
  hook("proc-receive",
       "pkt() { printf '%04x%s' $((${#1} + 4)) \"$1\"; }\n"
       "pkt version=1; printf 0000\n"
       "cat >/dev/null & \n"
       "pkt 'ok refs/for/main'; pkt 'option refname refs/pull/1/head'; pkt 'option forced-update'; printf "
       "0000\n"
       "sleep 0.2; kill %1 2>/dev/null; exit 0\n");
  const auto done = push({"HEAD:refs/for/main", "HEAD:main"});
  EXPECT_THAT(done.err, HasSubstr("HEAD -> refs/pull/1/head"));
  EXPECT_EQ(ref("refs/heads/main"), head());
  EXPECT_EQ(ref("refs/for/main"), "");
}

INSTANTIATE_TEST_SUITE_P(Formats, ReceivePackFormatTest,
                         ::testing::Values(ObjectFormat::sha1, ObjectFormat::sha256),
                         [](const auto& tested) { return std::string(name(tested.param)); });

struct CrashCase {
  std::string name;
  std::string capabilities;
  bool packedRefs = false;
  std::size_t noise = 0;  ///< bytes of a file that does not compress
  int stride = testing_support::kStride;
};

class ReceivePackCrashTest : public ::testing::TestWithParam<CrashCase> {};

/// A push that dies at any change of the disk: plain git fsck finds nothing wrong, refs are old or new, what
/// was acknowledged is there, and the next push works and leaves nothing aside.
TEST_P(ReceivePackCrashTest, LeavesARepositoryThatGitAccepts) {
  if (!testing_support::canKill()) GTEST_SKIP() << "ptrace is not allowed here";
  const testing_support::TempFolder folder;
  const testing::GitProgram work(folder / "work");
  fs::create_directories(work.folder());
  work({"init", "-q", "."});
  work.shell("echo 1 >f; git add f; git commit -qm 1; git branch old; echo 2 >f; head -c " +
             std::to_string(GetParam().noise) + " /dev/urandom >noise; git add -A; git commit -qm 2");
  createRepository(folder / "template.git");
  work({"push", "-q", folder / "template.git", "old:main", "old:gone"});
  if (GetParam().packedRefs) testing::GitProgram(folder / "template.git")({"pack-refs", "--all"});
  const std::string oldId = work({"rev-parse", "old"});
  const std::string newId = work({"rev-parse", "HEAD"});
  const std::string none(40, '0');
  work.shell("printf 'main\\n^old\\n' | git pack-objects --revs --stdout -q >../pack");
  folder.write("request", pktLine(oldId + " " + newId + " refs/heads/main" + std::string(1, '\0') +
                                  GetParam().capabilities + " object-format=sha1") +
                              pktLine(none + " " + newId + " refs/heads/new") +
                              pktLine(oldId + " " + none + " refs/heads/gone") + "0000" +
                              folder.read("pack"));
  const auto receive = [&](int step) {
    return testing_support::runAndKill(step, [&] {
      const int in = ::open((folder / "request").c_str(), O_RDONLY);
      const int out = ::open((folder / "answer").c_str(), O_WRONLY | O_TRUNC);
      ::dup2(in, 0);
      ::dup2(out, 1);
      return runReceivePack({folder / "r.git"});
    });
  };
  const testing::GitProgram bare(folder / "r.git");
  const std::map<std::string, std::string> before{{"refs/heads/main", oldId}, {"refs/heads/gone", oldId}};
  const std::map<std::string, std::string> after{{"refs/heads/main", newId}, {"refs/heads/new", newId}};
  const auto refs = [&] {
    std::map<std::string, std::string> all;
    for (const Ref& ref : RefStore(openBareRepository(bare.folder())).list())
      all[ref.name] = ref.id.hex();
    return all;
  };
  const auto isEmpty = [&](const char* name) {
    return !fs::exists(bare.folder() / name) || fs::is_empty(bare.folder() / name);
  };
  const bool atomic = GetParam().capabilities.find("atomic") != std::string::npos;
  const int stride = GetParam().stride;
  int killed = 0;
  for (int step = 1;; step += stride) {
    ASSERT_LT(step, 1000);
    SCOPED_TRACE("step " + std::to_string(step));
    fs::remove_all(bare.folder());
    fs::copy(folder / "template.git", bare.folder(), fs::copy_options::recursive);
    folder.write("answer", "");
    const auto result = receive(step);
    killed += result.killed ? 1 : 0;
    const std::string answer = folder.read("answer");
    // Before anybody repairs anything.
    if (step / stride % 8 == 0 || !result.killed) bare({"fsck", "--full", "--strict"});
    const auto acknowledged = [&](const std::string& name) {
      return answer.find("ok " + name + "\n") != std::string::npos;
    };
    const auto now = refs();
    for (const auto& [name, id] : now)
      EXPECT_TRUE(id == newId || (id == oldId && !acknowledged(name))) << name;
    EXPECT_FALSE(acknowledged("refs/heads/gone") && now.contains("refs/heads/gone"));
    EXPECT_FALSE(acknowledged("refs/heads/new") && !now.contains("refs/heads/new"));
    if (atomic) {
      recoverRefTransactions(openBareRepository(bare.folder()));
      EXPECT_TRUE(refs() == before || refs() == after);
    }
    // The next push: the same again, as far as the first one came to nothing.
    const auto next = receive(1'000'000);
    EXPECT_EQ(next.exitStatus, 0);
    EXPECT_EQ(refs(), after);
    EXPECT_TRUE(isEmpty("quarantine"));
    EXPECT_TRUE(isEmpty("ref-transactions"));
    if (step / stride % 8 == 4 || !result.killed) bare({"fsck", "--full", "--strict"});
    if (!result.killed) break;
  }
  EXPECT_GT(killed * stride, 30);
}

// Every step where forks are fast.
constexpr int kWide = testing_support::kStride == 1 ? 1 : 5 * testing_support::kStride;

INSTANTIATE_TEST_SUITE_P(Pushes, ReceivePackCrashTest,
                         ::testing::Values(CrashCase{"AllOrNothing", "report-status atomic"},
                                           CrashCase{"PackedRefs", "report-status atomic", true, 0, kWide},
                                           CrashCase{"EachByItself", "report-status", true, 0, kWide},
                                           CrashCase{"LargePack", "report-status", false, 3u << 20, kWide}),
                         [](const auto& tested) { return tested.param.name; });

}  // namespace
}  // namespace git
