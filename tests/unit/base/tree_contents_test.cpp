#include "base/tree_contents.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>

#include "base/error.h"
#include "tests/support/temp_folder.h"

namespace base {
namespace {

namespace fs = std::filesystem;
using testing_support::TempFolder;
using End = TreeContents::End;

Digest hashOf(const TempFolder& folder, unsigned threads = 0) {
  return digestOf(readTree(folder.path(), {}, {}, threads).entries);
}

std::string hexOf(const ContentDigest& digest) {
  return toHex({reinterpret_cast<const char*>(digest.data()), digest.size()});
}

TEST(ReadTree, FindsWhatListTreeFindsWithItsContent) {
  const TempFolder folder;
  for (int i = 0; i < 500; ++i)
    folder.write("a" + std::to_string(i % 7) + "/b" + std::to_string(i), std::string(i, 'x'));
  folder.write("a-b", "");
  folder.write(".git/HEAD", "x");
  folder.write("large", std::string(1'000'000, 'y'));
  fs::permissions(folder / "large", fs::perms(0751));
  fs::create_symlink("nowhere", folder / "link");
  ASSERT_EQ(::mkfifo((folder / "fifo").c_str(), 0600), 0);
  const auto listed = listTree(folder.path(), {".git"});
  const auto read = readTree(folder.path(), {".git"});
  EXPECT_EQ(read.end, End::whole);
  ASSERT_EQ(read.entries.size(), listed.size());
  for (std::size_t i = 0; i < listed.size(); ++i) {
    EXPECT_EQ(read.entries[i].path, listed[i].path);
    EXPECT_EQ(read.entries[i].kind, listed[i].kind);
    EXPECT_EQ(read.entries[i].mode, listed[i].mode);
    EXPECT_EQ(read.entries[i].sizeBytes, listed[i].sizeBytes);
    if (listed[i].kind != TreeEntry::Kind::file) continue;
    EXPECT_EQ("sha256:" + hexOf(read.entries[i].content),
              Digest::of(readFile(folder / listed[i].path)).str());
  }
}

TEST(ReadTree, EndsAtItsLimits) {
  const TempFolder folder;
  folder.write("a/file", "12345");
  folder.write("b", "12345");
  EXPECT_EQ(readTree(folder.path(), {}, {.maxEntries = 3}).end, End::whole);
  EXPECT_EQ(readTree(folder.path(), {}, {.maxEntries = 2}).end, End::tooManyEntries);
  EXPECT_EQ(readTree(folder.path(), {}, {.maxPathBytes = 6}).end, End::whole);
  EXPECT_EQ(readTree(folder.path(), {}, {.maxPathBytes = 5}).end, End::pathTooLong);
  EXPECT_EQ(readTree(folder.path(), {}, {.maxContentBytes = 10}).end, End::whole);
  const auto large = readTree(folder.path(), {}, {.maxContentBytes = 9});
  EXPECT_EQ(large.end, End::tooManyBytes);
  EXPECT_EQ(large.beyond, 10u);
  EXPECT_TRUE(large.entries.empty());
  std::stop_source stop;
  stop.request_stop();
  EXPECT_EQ(readTree(folder.path(), {}, {.stop = stop.get_token()}).end, End::stopped);
}

TEST(ReadTree, AHoleBeyondTheLimitIsNotRead) {
  const TempFolder folder;
  ASSERT_EQ(::truncate(folder.write("hole", "").c_str(), 1ll << 40), 0);
  EXPECT_EQ(readTree(folder.path(), {}, {.maxContentBytes = 1u << 30}).end, End::tooManyBytes);
}

TEST(ReadTree, DigestDependsOnAllThatIsPackedAndOnNothingElse) {
  const TempFolder first;
  const TempFolder second;
  for (const auto* folder : {&first, &second}) {
    folder->write("a/file", "12345");
    folder->write("b", "x");
    fs::create_symlink("a", *folder / "link");
  }
  fs::last_write_time(second / "b", fs::file_time_type::clock::now() - std::chrono::hours(1000));
  const Digest before = hashOf(first);
  EXPECT_EQ(before, hashOf(second));
  EXPECT_EQ(before, hashOf(first, 1));
  EXPECT_EQ(before, hashOf(first, 7));

  second.write("a/file", "12346");
  EXPECT_NE(before, hashOf(second));
  second.write("a/file", "12345");
  EXPECT_EQ(before, hashOf(second));
  fs::permissions(second / "b", fs::perms::owner_exec, fs::perm_options::add);
  EXPECT_NE(before, hashOf(second));
  fs::permissions(second / "b", fs::perms::owner_exec, fs::perm_options::remove);
  fs::remove(second / "link");
  fs::create_symlink("b", second / "link");
  EXPECT_NE(before, hashOf(second));
  fs::remove(second / "link");
  second.write("link", "a");
  EXPECT_NE(before, hashOf(second));
}

TEST(ReadTree, ThrowsWhatAReaderMeets) {
  const TempFolder folder;
  folder.write("a/file", "x");
  EXPECT_THROW(readTree(folder / "none", {}), Error);
  if (::geteuid() == 0) return;  // reads everything
  fs::permissions(folder / "a/file", fs::perms::none);
  EXPECT_THROW(readTree(folder.path(), {}), Error);
}

}  // namespace
}  // namespace base
