// Files change hands between a daemon and containers' users, by this process and by a supervisor.
#include "sandbox/foreign_trees.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <future>
#include <sstream>
#include <thread>

#include "base/child_process.h"
#include "base/error.h"
#include "sandbox/detail/read_or_empty.h"
#include "tests/support/failure_of.h"
#include "tests/unit/sandbox/runtime_fixture.h"

namespace sandbox_test {
namespace {

namespace fs = std::filesystem;
using base::Errc;
using sandbox::ForeignTrees;
using ::testing::HasSubstr;
using testing_support::failureOf;
using Depth = ForeignTrees::Depth;

constexpr std::uint32_t kBase = 1879048192;
constexpr std::uint32_t kNobodyHere = 1000;  // a user of the host that is neither

class ForeignTreesTest : public RuntimeTest, public ::testing::WithParamInterface<const char*> {
 protected:
  void SetUp() override {
    RuntimeTest::SetUp();
    if (runtime_ == nullptr) return;
    own_ = sandbox::makeForeignTrees(kBase);
    fs::create_directories(folder_->path() / "tree/in/deep");
    write("tree/in/deep/file");
    write("tree/closed", 0000);
    fs::create_symlink("/etc/passwd", folder_->path() / "tree/link");
  }
  ForeignTrees& trees() { return std::string(GetParam()) == "own" ? *own_ : runtime_->trees(); }
  fs::path at(const std::string& name) const { return folder_->path() / name; }
  void write(const std::string& name, mode_t mode = 0644) const {
    std::ofstream(at(name)) << "content";
    ::chmod(at(name).c_str(), mode);
  }
  uid_t ownerOf(const std::string& name) const {
    struct stat info {};
    return ::lstat(at(name).c_str(), &info) == 0 ? info.st_uid : ~0u;
  }
  gid_t groupOf(const std::string& name) const {
    struct stat info {};
    return ::lstat(at(name).c_str(), &info) == 0 ? info.st_gid : ~0u;
  }

  std::unique_ptr<ForeignTrees> own_;
};

TEST_P(ForeignTreesTest, GivesAndTakesBackAllThatLiesInATree) {
  trees().give(at("tree"), {.uid = 0, .gid = 1000}, Depth::whole);
  for (const char* name :
       {"tree", "tree/in", "tree/in/deep", "tree/in/deep/file", "tree/closed", "tree/link"}) {
    EXPECT_EQ(ownerOf(name), kBase) << name;
    EXPECT_EQ(groupOf(name), kBase + 1000) << name;
  }
  struct stat passwd {};
  ASSERT_EQ(::stat("/etc/passwd", &passwd), 0);
  EXPECT_EQ(passwd.st_uid, 0u) << "no link was followed";
  trees().takeBack(at("tree"), Depth::whole);
  for (const char* name : {"tree", "tree/in/deep/file", "tree/closed", "tree/link"})
    EXPECT_EQ(ownerOf(name), ::geteuid()) << name;
}

TEST_P(ForeignTreesTest, OfOneItselfOnlyThatChangesHands) {
  trees().give(at("tree"), {.uid = 1000, .gid = 1000}, Depth::itself);
  EXPECT_EQ(ownerOf("tree"), kBase + 1000);
  EXPECT_EQ(ownerOf("tree/in"), ::geteuid());
  trees().give(at("tree/closed"), {.uid = 7, .gid = 8}, Depth::whole);
  EXPECT_EQ(ownerOf("tree/closed"), kBase + 7) << "a file is a tree too";
}

TEST_P(ForeignTreesTest, WhatBelongsToOthersStaysTheirs) {
  ASSERT_EQ(::lchown(at("tree/in/deep/file").c_str(), kNobodyHere, kNobodyHere), 0);
  const auto given = failureOf([&] { trees().give(at("tree"), {.uid = 1000, .gid = 1000}, Depth::whole); });
  EXPECT_EQ(given.code(), Errc::permissionDenied);
  EXPECT_THAT(given.what(), HasSubstr("file belongs to the host's user 1000"));
  EXPECT_EQ(failureOf([&] { trees().takeBack(at("tree/in/deep/file"), Depth::itself); }).code(),
            Errc::permissionDenied);
  EXPECT_EQ(ownerOf("tree/in/deep/file"), kNobodyHere);
  ASSERT_EQ(::lchown(at("tree/in/deep/file").c_str(), kBase + 65536, 0), 0);
  EXPECT_EQ(failureOf([&] { trees().takeBack(at("tree/in/deep/file"), Depth::itself); }).code(),
            Errc::permissionDenied)
      << "the first number that is no container's";
}

TEST_P(ForeignTreesTest, ALinkInTheTreesPlaceIsNotFollowed) {
  fs::create_directory_symlink("/etc", at("elsewhere"));
  for (const auto depth : {Depth::itself, Depth::whole})
    EXPECT_EQ(failureOf([&] { trees().give(at("elsewhere"), {.uid = 1, .gid = 1}, depth); }).code(),
              Errc::permissionDenied);
  trees().remove(at("elsewhere"));
  EXPECT_TRUE(fs::exists("/etc/passwd"));
  EXPECT_FALSE(fs::exists(fs::symlink_status(at("elsewhere"))));
}

TEST_P(ForeignTreesTest, WhatIsNotThereIsSaidToBe) {
  EXPECT_EQ(failureOf([&] { trees().give(at("nothing"), {.uid = 1, .gid = 1}, Depth::whole); }).code(),
            Errc::notFound);
  EXPECT_EQ(failureOf([&] { trees().takeBack(at("nothing"), Depth::itself); }).code(), Errc::notFound);
  EXPECT_NO_THROW(trees().remove(at("nothing")));
  EXPECT_NO_THROW(trees().remove(at("nothing/in/nothing")));
}

TEST_P(ForeignTreesTest, RemovesWhatOthersClosed) {
  trees().give(at("tree"), {.uid = 1000, .gid = 1000}, Depth::whole);
  ASSERT_EQ(::chmod(at("tree/in").c_str(), 0), 0);
  trees().remove(at("tree"));
  EXPECT_FALSE(fs::exists(at("tree")));
}

TEST_P(ForeignTreesTest, MeasuresWhatOthersClosed) {
  write("tree/in/deep/large");
  fs::resize_file(at("tree/in/deep/large"), 0);
  std::ofstream(at("tree/in/deep/large")) << std::string(1u << 20, 'x');
  ASSERT_EQ(::chmod(at("tree/in").c_str(), 0), 0);
  EXPECT_GE(trees().diskBytes(at("tree"), std::stop_source().get_token()), 1u << 20);
}

TEST_P(ForeignTreesTest, MergesWhatAContainerChanged) {
  fs::create_directories(at("changes"));
  fs::create_directories(at("trash"));
  write("changes/new");
  ASSERT_EQ(::mknod(at("changes/closed").c_str(), S_IFCHR, ::makedev(0, 0)), 0);
  trees().give(at("changes"), {.uid = 1000, .gid = 1000}, Depth::whole);
  trees().merge(at("changes"), at("tree"), at("trash"));
  EXPECT_EQ(ownerOf("tree/new"), kBase + 1000);
  EXPECT_FALSE(fs::exists(at("tree/closed")));
  EXPECT_TRUE(fs::exists(at("tree/in/deep/file")));
  EXPECT_FALSE(fs::exists(at("changes")));
  ASSERT_EQ(::lchown(at("tree").c_str(), kNobodyHere, kNobodyHere), 0);
  fs::create_directories(at("changes"));
  EXPECT_EQ(failureOf([&] { trees().merge(at("changes"), at("tree"), at("trash")); }).code(),
            Errc::permissionDenied);
}

TEST_P(ForeignTreesTest, GivesTerminalsOnly) {
  const base::Fd screen(::posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC));
  ASSERT_TRUE(screen.valid());
  char name[64];
  ASSERT_EQ(::unlockpt(screen.get()), 0);
  ASSERT_EQ(::ptsname_r(screen.get(), name, sizeof name), 0);
  const base::Fd terminal = base::openFile(name, O_RDWR | O_NOCTTY);
  trees().giveTerminal(terminal, {.uid = 1000, .gid = 1000});
  struct stat info {};
  ASSERT_EQ(::fstat(terminal.get(), &info), 0);
  EXPECT_EQ(info.st_uid, kBase + 1000);
  EXPECT_EQ(failureOf([&] { trees().giveTerminal(terminal, {.uid = 1, .gid = 1}); }).code(),
            Errc::permissionDenied)
      << "it is not the caller's any more";
  for (const char* other : {"/dev/null", "/etc/passwd"})
    EXPECT_EQ(failureOf([&] {
                trees().giveTerminal(base::openFile(other, O_RDONLY), {.uid = 1, .gid = 1});
              }).code(),
              Errc::permissionDenied)
        << other;
}

INSTANTIATE_TEST_SUITE_P(By, ForeignTreesTest, ::testing::Values("own", "supervisor"),
                         [](const auto& door) { return std::string(door.param); });

class HostWorkTest : public RuntimeTest {
 protected:
  void SetUp() override {
    RuntimeTest::SetUp();
    if (runtime_ == nullptr) return;
    const fs::path root = folder_->path();
    for (const char* name : {"layers", "mounts", "logs", "elsewhere"})
      fs::create_directories(root / name / "tree");
    std::ofstream(root / "key") << "a key";
    std::ofstream(root / "logs/one.log") << "a line";
    auto wanted = settings();
    wanted.dataFolder = root;
    wanted.runtime.folder = root / "run";  // two supervisors of one folder would remove what the other tries
    wanted.layerFolders = {"layers"};
    wanted.mountFolders = {"mounts"};
    wanted.logFolders = {"logs"};
    wanted.readableFiles = {root / "key", root / "mounts"};
    wanted.daemonUser = kDaemon;
    wanted.daemonGroup = kDaemon;
    wanted.programs = {
        {"sleeper", {.argv = {"/bin/sh", "-c", "echo started; exec sleep 600"}, .environment = {}}},
        {"talker",
         {.argv = {"/bin/sh", "-c", "echo out; echo log >&2; cat; echo $WORD; exit 3"},
          .environment = {"WORD=word"},
          .workingDirectory = "/",
          .input = "input\n"}},
        {"guest",
         {.argv = {"/bin/true"}, .environment = {}, .workingDirectory = "/", .input = {}, .user = 42}}};
    narrow_ = anotherRuntime(wanted);
  }
  fs::path at(const std::string& name) const { return folder_->path() / name; }
  uid_t ownerOf(const std::string& name) const {
    struct stat info {};
    return ::lstat(at(name).c_str(), &info) == 0 ? info.st_uid : ~0u;
  }
  static constexpr std::uint32_t kDaemon = kBase + 70000;

  std::unique_ptr<sandbox::SupervisedRuntime> narrow_;
};

TEST_F(HostWorkTest, TreesLieWhereContainersHaveFiles) {
  for (const char* name : {"layers/tree", "mounts/tree"})
    ASSERT_EQ(::lchown(at(name).c_str(), kDaemon, kDaemon), 0);
  ForeignTrees& trees = narrow_->trees();
  trees.give(at("mounts/tree"), {.uid = 1000, .gid = 1000}, Depth::whole);
  trees.give(at("layers/tree"), {.uid = 0, .gid = 0}, Depth::whole);
  EXPECT_EQ(ownerOf("mounts/tree"), kBase + 1000);
  for (const fs::path& path :
       {at("elsewhere/tree"), at("mounts"), at("layers"), at("logs/tree"), at("key"), fs::path("/etc/passwd"),
        fs::path("/etc"), at(""), at("mounts/tree/../../elsewhere/tree")}) {
    EXPECT_ANY_THROW(trees.give(path, {.uid = 1, .gid = 1}, Depth::itself)) << path;
    EXPECT_ANY_THROW(trees.takeBack(path, Depth::whole)) << path;
    EXPECT_ANY_THROW(trees.remove(path)) << path;
    EXPECT_ANY_THROW(trees.diskBytes(path, {})) << path;
    EXPECT_ANY_THROW(trees.merge(path, at("mounts/tree"), at("mounts/tree"))) << path;
  }
  EXPECT_TRUE(fs::exists(at("elsewhere/tree")));
  fs::create_directory_symlink(at("elsewhere"), at("mounts/way"));
  EXPECT_EQ(failureOf([&] { trees.remove(at("mounts/way/tree")); }).code(), Errc::permissionDenied);
  EXPECT_TRUE(fs::exists(at("elsewhere/tree")));
}

TEST_F(HostWorkTest, ALogIsTakenBackAndNothingElseIsDoneToIt) {
  ForeignTrees& trees = narrow_->trees();
  EXPECT_EQ(failureOf([&] { trees.takeBack(at("logs/one.log"), Depth::whole); }).code(),
            Errc::permissionDenied);
  EXPECT_EQ(failureOf([&] { trees.takeBack(at("key"), Depth::itself); }).code(), Errc::permissionDenied);
  // What writes it is the host's root.
  trees.takeBack(at("logs/one.log"), Depth::itself);
  EXPECT_EQ(ownerOf("logs/one.log"), kDaemon);
  fs::create_symlink(at("key"), at("logs/link.log"));
  fs::create_hard_link(at("key"), at("logs/name.log"));
  for (const char* name : {"logs/link.log", "logs/name.log", "logs/tree"})
    EXPECT_ANY_THROW(trees.takeBack(at(name), Depth::itself)) << name;
  EXPECT_EQ(ownerOf("key"), ::geteuid());
}

TEST_F(HostWorkTest, OpensTheFilesOfSettingsAndNoOther) {
  EXPECT_EQ(base::readFile("/proc/self/fd/" + std::to_string(narrow_->programs().openFile(at("key")).get())),
            "a key");
  EXPECT_EQ(failureOf([&] { narrow_->programs().openFile("/etc/shadow"); }).code(), Errc::permissionDenied);
  EXPECT_EQ(failureOf([&] { narrow_->programs().openFile(at("mounts")); }).code(), Errc::invalidArgument);
}

TEST_F(HostWorkTest, StartsAndEndsAProgram) {
  auto [readEnd, writeEnd] = base::makePipe();
  const auto started = narrow_->programs().start("sleeper", writeEnd);
  writeEnd.reset();
  char buffer[64];
  EXPECT_EQ(std::string(buffer, base::readSome(readEnd, buffer, sizeof buffer)), "started\n");
  EXPECT_EQ(failureOf([&] { narrow_->programs().signal("sleeper", started.pid, SIGSTOP); }).code(),
            Errc::permissionDenied);
  EXPECT_EQ(failureOf([&] { narrow_->programs().signal("guest", started.pid, SIGKILL); }).code(),
            Errc::permissionDenied)
      << "it is not that user's";
  EXPECT_EQ(failureOf([&] { narrow_->programs().signal("no-such", started.pid, SIGKILL); }).code(),
            Errc::notFound);
  narrow_->programs().signal("sleeper", started.pid, SIGTERM);
  EXPECT_EQ(base::readSome(readEnd, buffer, sizeof buffer), 0u) << "it has ended";
  EXPECT_EQ(failureOf([&] { narrow_->programs().start("/bin/sh", readEnd); }).code(), Errc::notFound);
}

TEST_F(HostWorkTest, RunsAProgramToItsEnd) {
  auto [outRead, outWrite] = base::makePipe();
  auto [logRead, logWrite] = base::makePipe();
  const base::ExitStatus status = narrow_->programs().run("talker", outWrite, logWrite, {});
  EXPECT_EQ(status.code, 3);
  char buffer[64];
  EXPECT_EQ(std::string(buffer, base::readSome(outRead, buffer, sizeof buffer)), "out\ninput\nword\n");
  EXPECT_EQ(std::string(buffer, base::readSome(logRead, buffer, sizeof buffer)), "log\n");
}

TEST_F(HostWorkTest, AProgramThatIsStoppedEnds) {
  auto [readEnd, writeEnd] = base::makePipe();
  std::stop_source stop;
  auto running = std::async(std::launch::async, [&] {
    return narrow_->programs().run("sleeper", writeEnd, writeEnd, stop.get_token());
  });
  char buffer[64];
  ASSERT_GT(base::readSome(readEnd, buffer, sizeof buffer), 0u);
  stop.request_stop();
  EXPECT_EQ(running.get().signal, SIGTERM);
}

/// What unpacks reads what strangers have made: it is looked at while it waits for more of it.
TEST_F(HostWorkTest, WhatUnpacksALayerHasTheContainersIdsAndNothingElse) {
  fs::create_directories(at("layers/new"));
  auto [readEnd, writeEnd] = base::makePipe();
  ASSERT_EQ(::lchown(at("layers/new").c_str(), kBase, kBase), 0);
  auto unpacking = std::async(std::launch::async, [&, tar = std::move(readEnd)]() mutable {
    narrow_->trees().unpackLayer(tar, at("layers/new"));
  });
  const auto workerOf = [](pid_t supervisor) -> std::string {
    const std::string tasks = "/proc/" + std::to_string(supervisor) + "/task";
    for (const auto& task : fs::directory_iterator(tasks))
      for (std::istringstream children(sandbox::readOrEmpty(task.path() / "children")); children;) {
        std::string pid;
        // It has arrived when its filter is set.
        if (children >> pid &&
            sandbox::readOrEmpty("/proc/" + pid + "/status").find("Seccomp:\t2") != std::string::npos)
          return pid;
      }
    return "";
  };
  std::string pid;
  for (int i = 0; i < 3000 && pid.empty(); ++i) {
    pid = workerOf(narrow_->pid());
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  ASSERT_FALSE(pid.empty());
  const std::string status = sandbox::readOrEmpty("/proc/" + pid + "/status");
  const std::string id = std::to_string(kBase);
  EXPECT_THAT(status, HasSubstr("Uid:\t" + id + "\t" + id + "\t" + id + "\t" + id));
  EXPECT_THAT(status, HasSubstr("Gid:\t" + id + "\t" + id));
  EXPECT_THAT(status, HasSubstr("CapEff:\t000000000000001b")) << "over files of these ids";
  EXPECT_THAT(status, HasSubstr("CapBnd:\t000000000000001b"));
  EXPECT_THAT(status, HasSubstr("NoNewPrivs:\t1"));
  EXPECT_EQ(fs::read_symlink("/proc/" + pid + "/root"), at("layers/new"));
  EXPECT_NE(fs::read_symlink("/proc/" + pid + "/ns/user"), fs::read_symlink("/proc/self/ns/user"));
  base::writeAll(writeEnd, "this is no tar at all, however much of it there is");
  writeEnd.reset();
  EXPECT_EQ(failureOf([&] { unpacking.get(); }).code(), Errc::corrupt);
}

}  // namespace
}  // namespace sandbox_test
