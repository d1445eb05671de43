#include "base/tree_list.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <fstream>

#include "base/error.h"
#include "tests/support/temp_folder.h"

namespace base {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing_support::TempFolder;

std::vector<std::string> paths(const std::vector<TreeEntry>& entries) {
  std::vector<std::string> found;
  for (const auto& entry : entries)
    found.push_back(entry.path);
  return found;
}

TEST(ListTree, ExcludesPathsWithWhatIsBelow) {
  const TempFolder folder;
  for (const char* name : {".git/a", "keep/.git", "tmp/x/y", "b"})
    folder.write(name, "x");
  EXPECT_THAT(paths(listTree(folder.path(), {".git", "tmp/x"})),
              ElementsAre("b", "keep", "keep/.git", "tmp"));
}

TEST(ListTree, TellsKindModeAndSizeAndLeavesOutWhatIsNoFile) {
  const TempFolder folder;
  folder.write("a/file", "12345");
  fs::permissions(folder / "a/file", fs::perms(0751));
  fs::permissions(folder / "a", fs::perms(02755), fs::perm_options::replace);
  fs::create_symlink("nowhere", folder / "link");
  ASSERT_EQ(::mkfifo((folder / "fifo").c_str(), 0600), 0);
  const auto entries = listTree(folder.path());
  ASSERT_THAT(paths(entries), ElementsAre("a", "a/file", "link"));
  EXPECT_EQ(entries[0].kind, TreeEntry::Kind::folder);
  EXPECT_EQ(entries[0].mode, 0755u);
  EXPECT_EQ(entries[1].mode, 0751u);
  EXPECT_EQ(entries[1].sizeBytes, 5u);
  EXPECT_EQ(entries[2].kind, TreeEntry::Kind::symlink);
}

TEST(ListTree, RefusesPathsThatNobodyCanUnpack) {
  const TempFolder folder;
  const std::string name(200, 'd');
  fs::path inner = folder.path();
  // Made step by step: the whole path would be too long for one call.
  const fs::path before = fs::current_path();
  fs::current_path(inner);
  for (int i = 0; i < 25; ++i) {
    fs::create_directory(name);
    fs::current_path(name);
  }
  fs::current_path(before);
  EXPECT_THROW(listTree(folder.path()), Error);
}

}  // namespace
}  // namespace base
