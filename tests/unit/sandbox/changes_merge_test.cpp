#include "sandbox/detail/changes_merge.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>

#include "tests/support/temp_folder.h"

namespace sandbox {
namespace {

namespace fs = std::filesystem;

class ChangesMerge : public testing::Test {
 protected:
  void whiteout(const std::string& name) {
    fs::create_directories((folder / ("changes/" + name)).parent_path());
    ASSERT_EQ(::mknod((folder / ("changes/" + name)).c_str(), S_IFCHR, ::makedev(0, 0)), 0);
  }
  bool makeOpaque(const std::string& name) {
    return ::setxattr((folder / ("changes/" + name)).c_str(), "trusted.overlay.opaque", "y", 1, 0) == 0;
  }
  void merge() {
    fs::create_directories(folder / "changes");
    fs::create_directories(folder / "kept");
    fs::create_directories(folder / "trash");
    mergeChanges(folder / "changes", folder / "kept", folder / "trash");
    EXPECT_FALSE(fs::exists(folder / "changes"));
  }
  bool has(const std::string& name) { return fs::exists(fs::symlink_status(folder / ("kept/" + name))); }
  std::string kept(const std::string& name) { return folder.read("kept/" + name); }

  testing_support::TempFolder folder;
};

TEST_F(ChangesMerge, TakesWhatIsNewAndKeepsWhatWasNotTouched) {
  folder.write("kept/same", "same");
  folder.write("kept/in/same", "same too");
  folder.write("kept/in/changed", "old");
  folder.write("changes/in/changed", "new");
  folder.write("changes/in/deep/file", "added");
  folder.write("changes/file", "added too");
  fs::create_symlink("/etc", folder / "changes/link");
  merge();
  EXPECT_EQ(kept("same"), "same");
  EXPECT_EQ(kept("in/same"), "same too");
  EXPECT_EQ(kept("in/changed"), "new");
  EXPECT_EQ(kept("in/deep/file"), "added");
  EXPECT_EQ(kept("file"), "added too");
  EXPECT_EQ(fs::read_symlink(folder / "kept/link"), "/etc");
}

TEST_F(ChangesMerge, RemovesWhatWasRemoved) {
  folder.write("kept/file", "old");
  folder.write("kept/folder/in/file", "old");
  folder.write("kept/stays/file", "old");
  folder.write("kept/stays/too", "kept");
  whiteout("file");
  whiteout("folder");
  whiteout("stays/file");
  whiteout("never-there");
  merge();
  EXPECT_FALSE(has("file"));
  EXPECT_FALSE(has("folder"));
  EXPECT_FALSE(has("stays/file"));
  EXPECT_FALSE(has("never-there"));
  EXPECT_EQ(kept("stays/too"), "kept");
}

TEST_F(ChangesMerge, WhatChangedItsKindIsReplaced) {
  folder.write("kept/was-folder/file", "old");
  folder.write("kept/was-file", "old");
  fs::create_directories(folder / "outside");
  fs::create_directory_symlink(folder / "outside", folder / "kept/was-link");
  folder.write("changes/was-folder", "file");
  folder.write("changes/was-file/file", "in a folder");
  folder.write("changes/was-link/file", "in a folder");
  merge();
  EXPECT_EQ(kept("was-folder"), "file");
  EXPECT_EQ(kept("was-file/file"), "in a folder");
  EXPECT_FALSE(fs::is_symlink(folder / "kept/was-link"));
  EXPECT_TRUE(fs::is_empty(folder / "outside"));
}

TEST_F(ChangesMerge, AFolderMadeAnewHoldsNothingOfTheOldOne) {
  folder.write("kept/modules/old", "old");
  folder.write("changes/modules/new", "new");
  if (!makeOpaque("modules")) GTEST_SKIP() << "needs root";
  merge();
  EXPECT_FALSE(has("modules/old"));
  EXPECT_EQ(kept("modules/new"), "new");
}

TEST_F(ChangesMerge, FoldersTakeTheirAttributes) {
  folder.write("kept/in/file", "old");
  folder.write("changes/in/file", "new");
  ::chmod((folder / "changes/in").c_str(), 0751);
  const auto time = fs::file_time_type::clock::now() - std::chrono::hours(100);
  fs::last_write_time(folder / "changes/in", time);
  merge();
  EXPECT_EQ(fs::status(folder / "kept/in").permissions(), fs::perms(0751));
  EXPECT_EQ(fs::last_write_time(folder / "kept/in"), time);
}

TEST_F(ChangesMerge, GoesOnWhereItWasInterrupted) {
  folder.write("kept/a/moved", "new");  // the first try came so far
  folder.write("kept/a/not-yet", "old");
  folder.write("changes/a/not-yet", "new");
  merge();
  EXPECT_EQ(kept("a/moved"), "new");
  EXPECT_EQ(kept("a/not-yet"), "new");
}

}  // namespace
}  // namespace sandbox
