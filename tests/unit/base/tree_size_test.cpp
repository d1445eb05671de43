#include "base/tree_size.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/atomic_file.h"
#include "base/fd.h"
#include "tests/support/temp_folder.h"

namespace base {
namespace {

namespace fs = std::filesystem;

class TreeSizeTest : public ::testing::Test {
 protected:
  testing_support::TempFolder folder;
};

TEST_F(TreeSizeTest, CountsLengthsAndBlocks) {
  folder.write("a/one", std::string(5000, 'x'));
  folder.write("a/b/two", "12345");
  fs::create_symlink("/etc", folder / "link");
  ::mkfifo((folder / "fifo").c_str(), 0600);
  const TreeSize size = measureTree(folder.path());
  EXPECT_EQ(size.entries, 6u);
  EXPECT_EQ(size.contentBytes, 5005u);
  EXPECT_GE(size.diskBytes, 5005u);
  EXPECT_EQ(size.longestPath, std::string("a/b/two").size());
}

TEST_F(TreeSizeTest, HolesAreContentButTakeNoDisk) {
  ASSERT_EQ(::truncate(folder.write("hole", "").c_str(), 10ll << 30), 0);
  const TreeSize size = measureTree(folder.path());
  EXPECT_EQ(size.contentBytes, 10ull << 30);
  EXPECT_LT(size.diskBytes, 1u << 20);
}

TEST_F(TreeSizeTest, ALinkedFileTakesItsDiskOnceAndIsPackedEachTime) {
  const auto file = folder.write("file", std::string(1 << 20, 'x'));
  for (int i = 0; i < 9; ++i)
    fs::create_hard_link(file, folder / ("link" + std::to_string(i)));
  const TreeSize size = measureTree(folder.path());
  EXPECT_EQ(size.contentBytes, 10u << 20);
  EXPECT_LT(size.diskBytes, 2u << 20);
}

TEST_F(TreeSizeTest, WalksTreesDeeperThanAPathCanBe) {
  constexpr int kDepth = 3000;
  Fd at = openFile(folder.path(), O_RDONLY | O_DIRECTORY);
  for (int i = 0; i < kDepth; ++i) {
    ASSERT_EQ(::mkdirat(at.get(), "deep", 0700), 0);
    at = openAt(at, "deep", O_RDONLY | O_DIRECTORY);
  }
  const TreeSize size = measureTree(folder.path());
  EXPECT_EQ(size.entries, static_cast<std::uint64_t>(kDepth));
  EXPECT_EQ(size.longestPath, kDepth * 5u - 1);
}

TEST_F(TreeSizeTest, StopsWhereItIsTold) {
  for (int i = 0; i < 20; ++i)
    folder.write("f" + std::to_string(i), "");
  EXPECT_EQ(measureTree(folder.path(), {.maxEntries = 7, .stop = {}}).entries, 7u);
  std::stop_source source;
  source.request_stop();
  EXPECT_EQ(measureTree(folder.path(), {.stop = source.get_token()}).entries, 0u);
}

}  // namespace
}  // namespace base
