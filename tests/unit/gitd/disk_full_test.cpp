// What becomes of a push, and of everybody else, when the server's disk is full.
#include <gmock/gmock.h>

#include <random>

#include "base/error.h"
#include "git/quarantine.h"
#include "tests/support/small_disk.h"
#include "tests/unit/gitd/server_fixture.h"

namespace gitd::testing {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

class DiskFullTest : public ServerTest {
 protected:
  DiskFullTest() : disk_(folder_ / "repos", 4u << 20) {}
  void SetUp() override {
    if (!disk_.mounted()) GTEST_SKIP() << "mounting is not permitted here";
  }
  void commitNoise(const fs::path& workTree, std::size_t size) {
    std::mt19937 random(1);
    std::string bytes(size, '\0');
    for (char& byte : bytes)
      byte = static_cast<char>(random());
    commitFile(workTree, "noise", bytes);
  }

  testing_support::SmallDisk disk_;
};

TEST_F(DiskFullTest, APushIsRefusedInWordsAndTheOthersGoOn) {
  std::atomic<bool> released{false};
  handler_.onPush = [&](const PushRequest& request, base::ByteSink&, const std::stop_token&) {
    EXPECT_TRUE(request.repository.name != "held" || eventually([&] { return released.load(); }));
    return ScriptedPushHandler::accept(request);
  };
  start();
  const fs::path large = makeRepository("large");
  const fs::path held = makeRepository("held");
  const fs::path work = makeWorkTree("work", "large");
  const fs::path other = makeWorkTree("other", "held");
  ASSERT_TRUE(git(work, {"push", "fairlead", "main"}).status.ok());
  const base::Fd nowhere = base::openFile("/dev/null", 1);
  auto waiting = spawnGit(other, {"push", "fairlead", "main"}, nowhere);
  ASSERT_TRUE(eventually([&] { return handler_.pushes == 2; }));

  commitNoise(work, 8u << 20);
  const auto refused = git(work, {"push", "fairlead", "main"});
  EXPECT_EQ(refused.status.code, 1);
  EXPECT_THAT(refused.err, AllOf(HasSubstr("remote: error: the server has no room for this push"),
                                 HasSubstr("(setting disk_min_free_bytes"),
                                 HasSubstr("remote rejected] main -> main (unpacker error)")));
  EXPECT_THAT(refused.err, AllOf(Not(HasSubstr("roken pipe")), Not(HasSubstr("hung up"))));
  EXPECT_TRUE(quarantineIsEmpty(large));
  EXPECT_EQ(handler_.pushes, 2);

  disk_.fill(0);
  EXPECT_TRUE(git(folder_.path(), {"clone", "-q", url("large"), "copy"}).status.ok());
  commitFile(other, "more", "more\n");
  EXPECT_THAT(git(other, {"push", "fairlead", "main:other"}).err, HasSubstr("has no room for this push"));
  disk_.empty();
  released = true;
  EXPECT_TRUE(waiting.wait().ok());
  EXPECT_TRUE(readRef(held, "refs/heads/main"));

  EXPECT_TRUE(git(work, {"push", "fairlead", "HEAD~1:refs/heads/again"}).status.ok());
  EXPECT_TRUE(git(other, {"push", "fairlead", "main"}).status.ok());
}

TEST_F(DiskFullTest, ThePlaceThatIsKeptFreeHasASetting) {
  start([](SshServerConfig& config) { config.push.diskFreeBytes = 1u << 20; });
  const fs::path repository = makeRepository("hello");
  const fs::path work = makeWorkTree("work", "hello");
  disk_.fill(1u << 19);
  const auto refused = git(work, {"push", "fairlead", "main"});
  EXPECT_THAT(refused.err, AllOf(HasSubstr("the server's disk has less than 1048576 bytes left"),
                                 HasSubstr("(setting disk_min_free_bytes)"), HasSubstr("(unpacker error)")));
  disk_.empty();
  EXPECT_TRUE(git(work, {"push", "fairlead", "main"}).status.ok());
}

/// A failure of the layer above, or of the refs, is that of one ref.
TEST_F(DiskFullTest, AFailureBehindThePackRefusesItsRefOnly) {
  handler_.onPush = [](const PushRequest& request, base::ByteSink&, const std::stop_token&) {
    if (request.update.ref == "refs/heads/a")
      throw base::Error(base::Errc::diskFull, "database: database or disk is full");
    if (request.update.ref == "refs/heads/b") throw std::runtime_error("a secret of the server");
    return ScriptedPushHandler::accept(request);
  };
  start();
  const fs::path repository = makeRepository("hello");
  const fs::path work = makeWorkTree("work", "hello");
  const auto pushed = git(work, {"push", "fairlead", "main:a", "main:b", "main:c"});
  EXPECT_THAT(pushed.err, AllOf(HasSubstr("main -> a (database: database or disk is full)"),
                                HasSubstr("main -> b (internal error"), HasSubstr("main -> c\n")));
  EXPECT_FALSE(readRef(repository, "refs/heads/a"));
  EXPECT_TRUE(readRef(repository, "refs/heads/c"));
  EXPECT_TRUE(quarantineIsEmpty(repository));
}

}  // namespace
}  // namespace gitd::testing
