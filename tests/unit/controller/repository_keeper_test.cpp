#include "controller/repository_keeper.h"

#include <gtest/gtest.h>

#include "base/child_process.h"
#include "git/repository.h"
#include "tests/support/temp_folder.h"

namespace controller {
namespace {

namespace fs = std::filesystem;

class RepositoryKeeperTest : public ::testing::Test {
 protected:
  RepositoryKeeperTest() {
    git::createRepository(repository_);
    for (int pack = 0; pack < 4; ++pack)
      shell("echo " + std::to_string(pack) +
            " | git hash-object -w --stdin | git pack-objects -q objects/pack/pack");
    shell("git prune-packed -q");
  }
  void shell(const std::string& script) {
    base::mustRun(
        {"sh", "-ec",
         "cd '" + repository_.string() + "'; export GIT_CONFIG_NOSYSTEM=1 HOME=/nonexistent; " + script});
  }
  std::size_t packs() const {
    std::size_t count = 0;
    for (const auto& entry : fs::directory_iterator(repository_ / "objects/pack"))
      count += entry.path().extension() == ".pack";
    return count;
  }
  bool waitForPacks(std::size_t count) const {
    for (const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(20); packs() != count;) {
      if (std::chrono::steady_clock::now() > end) return false;
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    return true;
  }

  testing_support::TempFolder folder_;
  fs::path repository_ = folder_ / "r.git";
};

TEST_F(RepositoryKeeperTest, JoinsAndRemovesAfterTheGrace) {
  RepositoryKeeper keeper({.packsPerClass = 4, .grace = std::chrono::seconds(0)});
  EXPECT_EQ(packs(), 4u);
  keeper.look(repository_);
  EXPECT_TRUE(waitForPacks(1));
  shell("git fsck --full");
  shell("test $(git cat-file --batch-all-objects --batch-check | wc -l) = 4");
}

TEST_F(RepositoryKeeperTest, KeepsTheOldOnesDuringTheGrace) {
  RepositoryKeeper keeper({.packsPerClass = 4, .grace = std::chrono::hours(1)});
  keeper.look(repository_);
  EXPECT_TRUE(waitForPacks(5));
  keeper.look(repository_);
  keeper.look(folder_ / "absent.git");
}

TEST_F(RepositoryKeeperTest, CanBeSwitchedOff) {
  {
    RepositoryKeeper keeper({.packsPerClass = 0, .grace = std::chrono::seconds(0)});
    keeper.look(repository_);
  }
  EXPECT_EQ(packs(), 4u);
}

}  // namespace
}  // namespace controller
