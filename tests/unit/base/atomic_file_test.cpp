#include "base/atomic_file.h"

#include <fcntl.h>

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>

#include "base/error.h"
#include "tests/support/temp_folder.h"

namespace base {
namespace {

namespace fs = std::filesystem;
using testing_support::TempFolder;

std::size_t entriesIn(const fs::path& folder) {
  return static_cast<std::size_t>(std::distance(fs::directory_iterator(folder), fs::directory_iterator()));
}

TEST(AtomicFile, ReplacesTheFileOnCommit) {
  const TempFolder folder;
  folder.write("a", "old");
  AtomicFile file(folder / "a", 0640);
  file.write("new ");
  file.write("text");
  EXPECT_EQ(folder.read("a"), "old");
  file.commit();
  EXPECT_EQ(folder.read("a"), "new text");
  EXPECT_EQ(entriesIn(folder.path()), 1u);
  struct stat info {};
  ASSERT_EQ(::stat((folder / "a").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 07777, 0640u);
}

TEST(AtomicFile, LeavesTheOldFileWithoutCommit) {
  const TempFolder folder;
  folder.write("a", "old");
  { AtomicFile(folder / "a").write("new"); }
  EXPECT_EQ(folder.read("a"), "old");
  EXPECT_EQ(entriesIn(folder.path()), 1u);
}

TEST(AtomicFile, NeedsItsFolder) {
  const TempFolder folder;
  EXPECT_THROW(AtomicFile(folder / "missing/a"), Error);
}

TEST(AtomicFile, CleansUpWhenTheTargetIsAFolder) {
  const TempFolder folder;
  fs::create_directories(folder / "a/b");
  EXPECT_THROW(writeFileAtomically(folder / "a", "x"), Error);
  EXPECT_EQ(entriesIn(folder.path()), 1u);
}

TEST(RemoveTree, RemovesEverythingBelow) {
  const TempFolder folder;
  folder.write("t/a/b/c", "x");
  folder.write("t/d", "y");
  fs::permissions(folder / "t/a/b", fs::perms::none);
  removeTree(folder / "t");
  EXPECT_EQ(entriesIn(folder.path()), 0u);
  removeTree(folder / "t");
  removeTree(folder / "missing/t");
}

TEST(RemoveTree, RemovesUnwritableFoldersWithoutBeingRoot) {
  const TempFolder folder;
  folder.write("t/a/b", "x");
  const auto body = [&] {
    if (::geteuid() == 0 && ::setuid(65534) != 0) ::_exit(2);
    try {
      removeTree(folder / "t");
      ::_exit(fs::exists(folder / "t") ? 1 : 0);
    } catch (const std::exception&) {
      ::_exit(3);
    }
  };
  if (::geteuid() == 0) {
    for (const char* name : {"", "t", "t/a", "t/a/b"})
      ASSERT_EQ(::chown((folder / name).c_str(), 65534, 65534), 0);
  }
  fs::permissions(folder / "t/a", fs::perms::owner_read);
  fs::permissions(folder / "t", fs::perms::none);
  EXPECT_EXIT(body(), testing::ExitedWithCode(0), "");
}

TEST(RemoveTree, DoesNotFollowSymlinks) {
  const TempFolder folder;
  folder.write("keep/a", "x");
  fs::create_directory(folder / "t");
  fs::create_directory_symlink(folder / "keep", folder / "t/link");
  removeTree(folder / "t");
  EXPECT_EQ(folder.read("keep/a"), "x");
  fs::create_directory_symlink(folder / "keep", folder / "link");
  removeTree(folder / "link/");
  EXPECT_FALSE(fs::exists(folder / "link"));
  EXPECT_EQ(folder.read("keep/a"), "x");
}

TEST(RemoveTree, ManagesPathsLongerThanTheKernelTakes) {
  const TempFolder folder;
  const std::string name(60, 'd');
  Fd here = openFile(folder.path(), O_RDONLY | O_DIRECTORY);
  for (int i = 0; i < 100; ++i) {
    ASSERT_EQ(::mkdirat(here.get(), name.c_str(), 0700), 0);
    here = openAt(here, name, O_RDONLY | O_DIRECTORY);
  }
  here.reset();
  removeTree(folder / name);
  EXPECT_EQ(entriesIn(folder.path()), 0u);
}

TEST(RemoveTree, RefusesAPathWithoutAName) {
  for (const char* path : {"", "/", ".", "..", "a/.."})
    EXPECT_THROW(removeTree(path), Error) << path;
}

}  // namespace
}  // namespace base
