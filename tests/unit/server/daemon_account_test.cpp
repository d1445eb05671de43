// The data folder changes hands when the daemon gives up root.
#include "server/daemon_account.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>

#include "base/error.h"
#include "tests/support/failure_of.h"
#include "tests/support/temp_folder.h"

namespace server {
namespace {

namespace fs = std::filesystem;
using base::Errc;
using ::testing::HasSubstr;
using testing_support::failureOf;

constexpr std::uint32_t kContainers = 1879048192;
constexpr uid_t kAccount = kContainers + 65536 + 7;
constexpr uid_t kSomebody = 4242;

class DaemonAccountTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (::geteuid() != 0) GTEST_SKIP() << "only root can give files away";
    config_.routerUser = "";
    account_.uid = account_.gid = kAccount;
    for (const char* name :
         {"repos/hello.git/objects", "blobs/sha256/ab", "layers/one/etc", "cache/hello/stack/in",
          "volumes/id/data", "keys", "log", "run/containers/web", "run/builds/old", "run/router/live"})
      fs::create_directories(data_ / name);
    for (const char* name : {"fairlead.db", "fairlead.db-wal", "repos/hello.git/HEAD", "blobs/sha256/ab/cd",
                             "keys/config_keys", "run/network.json", "layers/one/etc/passwd"})
      data_.write(name, "content");
    for (const char* name : {"layers/one", "layers/one/etc", "cache/hello/stack", "volumes/id/data"})
      own(name, kContainers + 1000);
  }
  void own(const std::string& name, uid_t uid) {
    ASSERT_EQ(::lchown((data_ / name).c_str(), uid, uid), 0) << name;
  }
  struct stat statOf(const std::string& name) {
    struct stat info {};
    EXPECT_EQ(::lstat((data_ / name).c_str(), &info), 0) << name;
    return info;
  }
  uid_t ownerOf(const std::string& name) { return statOf(name).st_uid; }
  void give() { giveDataFolder(config_, controller::DataFolder(data_ / ""), account_); }

  testing_support::TempFolder data_;
  Config config_;
  base::Confinement account_;
};

TEST_F(DaemonAccountTest, GetsWhatIsRootsButWhatTheSupervisorKeeps) {
  give();
  for (const char* name : {"fairlead.db", "fairlead.db-wal", "repos/hello.git/HEAD",
                           "repos/hello.git/objects", "blobs", "blobs/sha256/ab/cd", "keys/config_keys",
                           "layers", "cache/hello", "volumes/id", "run/builds", "run/router/live"})
    EXPECT_EQ(ownerOf(name), kAccount) << name;
  for (const char* name : {"", "log", "run", "run/containers", "run/containers/web", "run/network.json"})
    EXPECT_EQ(ownerOf(name), 0u) << name;
  for (const char* name : {"layers/one", "layers/one/etc", "cache/hello/stack", "volumes/id/data"})
    EXPECT_EQ(ownerOf(name), kContainers + 1000) << name;
  EXPECT_EQ(ownerOf("cache/hello/stack/in"), 0u) << "what lies in a container's folder is not looked at";
}

TEST_F(DaemonAccountTest, MakesItsFilesWhereItCanMoveNothingAway) {
  ASSERT_EQ(::chmod((data_ / "").c_str(), 0700), 0);
  ASSERT_EQ(::chmod((data_ / "run").c_str(), 0755), 0);
  give();
  EXPECT_EQ(statOf("").st_mode & 07777u, 01770u) << "what was closed to others stays closed";
  EXPECT_EQ(statOf("run").st_mode & 07777u, 01775u);
  EXPECT_EQ(statOf("").st_gid, kAccount);
}

TEST_F(DaemonAccountTest, GetsAgainWhatRootHasMadeSince) {
  give();
  data_.write("fairlead.db-shm", "root's");
  data_.write("repos/hello.git/objects/new", "root's");
  give();
  EXPECT_EQ(ownerOf("fairlead.db-shm"), kAccount);
  EXPECT_EQ(ownerOf("repos/hello.git/objects/new"), kAccount);
}

TEST_F(DaemonAccountTest, GetsNothingOfOthersByWhatItHasPutThere) {
  give();
  testing_support::TempFolder outside;
  outside.write("secret", "root's");
  fs::create_hard_link(outside / "secret", data_ / "keys/second-name");
  fs::create_directory_symlink(outside / "", data_ / "sources");
  fs::create_symlink(outside / "secret", data_ / "scrub.json");
  own("sources", kAccount);
  own("scrub.json", kAccount);
  give();
  struct stat info {};
  ASSERT_EQ(::stat((outside / "secret").c_str(), &info), 0);
  EXPECT_EQ(info.st_uid, 0u);
  ASSERT_EQ(::stat((outside / "").c_str(), &info), 0);
  EXPECT_EQ(info.st_uid, 0u);
}

TEST_F(DaemonAccountTest, LeavesWhatIsSomebodyElses) {
  data_.write("repos/hello.git/theirs", "theirs");
  own("repos/hello.git/theirs", kSomebody);
  give();
  EXPECT_EQ(ownerOf("repos/hello.git/theirs"), kSomebody);
}

TEST_F(DaemonAccountTest, NothingOfItsTakesTheSupervisorsPlace) {
  give();
  for (const char* name : {"run/oci", "run/of-a-later-version"}) {
    fs::create_directories(data_ / (std::string(name) + "/planted"));
    own(name, kAccount);
  }
  fs::create_symlink("/etc", data_ / "run/leases");
  give();
  EXPECT_FALSE(fs::exists(data_ / "run/oci"));
  EXPECT_FALSE(fs::exists(data_ / "run/of-a-later-version"));
  EXPECT_FALSE(fs::exists(fs::symlink_status(data_ / "run/leases")));
  EXPECT_TRUE(fs::exists(data_ / "run/containers/web"));
}

TEST_F(DaemonAccountTest, RefusesARunFolderThatLeadsElsewhere) {
  fs::rename(data_ / "run", data_ / "elsewhere");
  fs::create_directory_symlink(data_ / "elsewhere", data_ / "run");
  const auto failure = failureOf([&] { give(); });
  EXPECT_EQ(failure.code(), Errc::conflict);
  EXPECT_THAT(failure.what(), HasSubstr("run is a symlink"));
}

TEST_F(DaemonAccountTest, StaysRootWhereTheSettingSaysSo) {
  config_.daemonUser = "root";
  EXPECT_EQ(daemonAccount(config_).uid, 0u);
  account_ = daemonAccount(config_);
  give();
  EXPECT_EQ(ownerOf("fairlead.db"), 0u);
  EXPECT_EQ(statOf("").st_mode & S_ISVTX, 0u);
}

TEST_F(DaemonAccountTest, IsAnAccountOfThisMachine) {
  config_.daemonUser = "nobody";
  config_.routerUser = "daemon";
  const base::Confinement account = daemonAccount(config_);
  EXPECT_EQ(account.uid, 65534u);
  EXPECT_THAT(account.groups, ::testing::ElementsAre(1u));
  EXPECT_FALSE(account.lowPorts || account.anyFiles);
  config_.daemonUser = "no-such-account";
  EXPECT_THAT(failureOf([&] { daemonAccount(config_); }).what(), HasSubstr("daemon_user"));
}

}  // namespace
}  // namespace server
