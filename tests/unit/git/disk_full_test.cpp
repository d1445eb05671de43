// Pushes to a disk that has no room left, at every place where it may run out.
#include <gmock/gmock.h>

#include <fstream>
#include <random>

#include "git/receive_pack_program.h"
#include "git/ref_store.h"
#include "tests/support/small_disk.h"
#include "tests/support/temp_folder.h"
#include "tests/unit/git/git_program.h"

namespace git {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

const std::string kReceivePack = GIT_DROP_INS " receive-pack";
constexpr std::uint64_t kDiskBytes = 3u << 20;
constexpr std::uint64_t kPage = 4096;

/// What no compression makes smaller.
std::string noise(std::size_t size) {
  std::mt19937 random(static_cast<unsigned>(size));
  std::string bytes(size, '\0');
  for (char& byte : bytes)
    byte = static_cast<char>(random());
  return bytes;
}

/// The drop-in at the other end of the real git push, its repository on a disk of 3 MiB.
class DiskFullTest : public ::testing::Test {
 protected:
  DiskFullTest()
      : disk_(folder_ / "disk", kDiskBytes), work_(folder_ / "work"), bare_(folder_ / "disk/r.git") {}
  void SetUp() override {
    if (!disk_.mounted()) GTEST_SKIP() << "mounting is not permitted here";
    fs::create_directories(work_.folder());
    work_({"init", "-q", "."});
    createRepository(bare_.folder(), ObjectFormat::sha1);
    work_({"remote", "add", "origin", bare_.folder()});
    work_({"config", "remote.origin.receivepack", kReceivePack});
    commit("first\n");
    ASSERT_TRUE(push({"HEAD:main", "HEAD:old"}).status.ok());
  }

  void commit(const std::string& text) {
    std::ofstream(work_.folder() / "file") << text;
    work_({"add", "-A"});
    work_({"commit", "-q", "-m", "Change"});
  }
  base::CommandOutput push(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), {"git", "push", "origin"});
    return work_.tryRun(arguments);
  }
  std::string ref(const std::string& name) {
    const auto id = RefStore(openBareRepository(bare_.folder())).resolve("refs/heads/" + name);
    return id ? id->hex() : "";
  }
  std::string head() { return work_({"rev-parse", "HEAD"}); }
  void expectNothingLeft() {
    for (const auto& entry : fs::recursive_directory_iterator(bare_.folder())) {
      EXPECT_NE(entry.path().extension(), ".lock") << entry.path();
      EXPECT_THAT(entry.path().string(), Not(HasSubstr("tmp_pack"))) << entry.path();
    }
    EXPECT_FALSE(fs::exists(bare_.folder() / "quarantine") && !fs::is_empty(bare_.folder() / "quarantine"));
    bare_({"fsck", "--full", "--strict"});
  }

  testing_support::TempFolder folder_;
  testing_support::SmallDisk disk_;
  testing::GitProgram work_;
  testing::GitProgram bare_;
};

TEST_F(DiskFullTest, APackTooLargeIsRefusedInWords) {
  const std::string before = head();
  commit(noise(6u << 20));
  const auto refused = push({"HEAD:main", "HEAD:other"});
  EXPECT_EQ(refused.status.code, 1);
  EXPECT_THAT(refused.err, AllOf(HasSubstr("remote: error: the server has no room for this push (storing the "
                                           "pack: disk is full): tell its administrator (setting "
                                           "disk_min_free_bytes keeps some room)"),
                                 HasSubstr("remote unpack failed: the server has no room"),
                                 HasSubstr("remote rejected] HEAD -> main (unpacker error)"),
                                 HasSubstr("remote rejected] HEAD -> other (unpacker error)")));
  EXPECT_THAT(refused.err, AllOf(Not(HasSubstr("roken pipe")), Not(HasSubstr("hung up"))));
  EXPECT_EQ(ref("main"), before);
  expectNothingLeft();
  work_({"clone", "-q", bare_.folder(), folder_ / "copy"});
  work_({"reset", "-q", "--hard", before});
  commit("small\n");
  EXPECT_TRUE(push({"HEAD:main"}).status.ok());
  EXPECT_EQ(ref("main"), head());
}

/// From a disk with no room at all to one with enough, page by page: whatever the push has written by then,
/// it is done or refused as a whole.
TEST_F(DiskFullTest, EveryPlaceWhereItRunsOutLeavesOldOrNew) {
  int refusals = 0;
  bool done = false;
  for (std::uint64_t pages = 0; !done && pages < 40; ++pages) {
    bare_({"update-ref", "refs/heads/gone", "refs/heads/old"});
    bare_({"pack-refs", "--all"});
    const std::string before = ref("main");
    commit("change " + std::to_string(pages) + "\n" + noise(3 * kPage));
    disk_.fill(pages * kPage);
    const bool atomic = pages % 2 == 0;
    const auto tried =
        atomic ? push({"--atomic", "-f", "HEAD:main", "HEAD:branch-" + std::to_string(pages), ":gone"})
               : push({"-f", "HEAD:main", "HEAD:branch-" + std::to_string(pages), ":gone"});
    done = tried.status.ok();
    disk_.empty();
    const std::string report = std::to_string(pages) + " pages: " + tried.err;
    EXPECT_THAT(tried.err, AllOf(Not(HasSubstr("roken pipe")), Not(HasSubstr("hung up")))) << report;
    if (tried.err.find("rejected] HEAD -> main") != std::string::npos) {
      EXPECT_EQ(ref("main"), before) << report;
      EXPECT_THAT(tried.err, HasSubstr("disk is full")) << report;
      ++refusals;
    } else {
      EXPECT_EQ(ref("main"), head()) << report;
    }
    const bool deletionRefused = tried.err.find("rejected] gone") != std::string::npos;
    EXPECT_EQ(ref("gone").empty(), !deletionRefused) << report;
    EXPECT_TRUE(!atomic || deletionRefused == !done) << report;
    expectNothingLeft();
  }
  EXPECT_TRUE(done);
  EXPECT_GT(refusals, 4);
}

/// The same with too few descriptors. Before the protocol has begun there is nothing to answer in.
TEST_F(DiskFullTest, TooFewDescriptorsLeaveOldOrNew) {
#ifdef __SANITIZE_ADDRESS__
  GTEST_SKIP() << "the undefined-behaviour sanitizer needs descriptors of its own";
#endif
  int refusals = 0;
  bool done = false;
  for (int descriptors = 4; !done && descriptors < 40; ++descriptors) {
    work_({"config", "remote.origin.receivepack",
           "ulimit -n " + std::to_string(descriptors) + "; " + kReceivePack});
    const std::string before = ref("main");
    commit("change " + std::to_string(descriptors) + "\n");
    const auto tried = push({"HEAD:main"});
    done = tried.status.ok();
    EXPECT_EQ(ref("main"), done ? head() : before) << descriptors << " descriptors: " << tried.err;
    if (tried.err.find("remote rejected] HEAD -> main") != std::string::npos) {
      EXPECT_THAT(tried.err, HasSubstr("Too many open files"));
      ++refusals;
    }
    expectNothingLeft();
  }
  EXPECT_TRUE(done);
  EXPECT_GT(refusals, 0);
}

}  // namespace
}  // namespace git
