#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>

#include "base/archive.h"
#include "base/atomic_file.h"
#include "base/child_process.h"
#include "base/digest.h"
#include "base/error.h"
#include "base/strings.h"
#include "tests/support/byte_streams.h"
#include "tests/support/temp_folder.h"

namespace base {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::HasSubstr;
using testing_support::StringSink;
using testing_support::TempFolder;

std::string pack(const fs::path& folder, const PackOptions& options = {}) {
  StringSink sink;
  packTree(folder, options, sink);
  return sink.text;
}

/// What GNU tar lists, one entry a line.
std::vector<std::string> listing(const std::string& tar, const std::string& flags = "tf") {
  return split(trim(mustRun({"tar", "--quoting-style=literal", "-" + flags, "-"}, {.input = tar})), '\n');
}

TEST(PackTree, SortsByTheBytesOfThePath) {
  const TempFolder folder;
  for (const char* name : {"a/x", "a-b", "a/b/c", "B", "a.txt", "b"})
    folder.write(name, "x");
  EXPECT_THAT(listing(pack(folder.path())),
              ElementsAre("./app/", "./app/B", "./app/a/", "./app/a-b", "./app/a.txt", "./app/a/b/",
                          "./app/a/b/c", "./app/a/x", "./app/b"));
}

TEST(PackTree, GivesTheSameBytesForTheSameTree) {
  const TempFolder first;
  const TempFolder second;
  for (const char* name : {"z", "m/n", "a", "m/a"})
    first.write(name, name);
  for (const char* name : {"m/a", "a", "m/n", "z"})
    second.write(name, name);
  fs::last_write_time(second / "z", fs::file_time_type::min() + std::chrono::hours(24 * 365 * 280));
  EXPECT_TRUE(pack(first.path()) == pack(second.path()));
}

TEST(PackTree, IsTheFormatThatDigestsWereTakenOf) {
  const TempFolder folder;
  folder.write("Procfile", "web: ./server\n");
  folder.write("bin/server", "#!/bin/sh\n");
  folder.write(std::string(120, 'n'), "long");
  fs::permissions(folder / "bin", fs::perms(0755));
  fs::permissions(folder / "bin/server", fs::perms(0755));
  for (const auto& name : {std::string("Procfile"), std::string(120, 'n')})
    fs::permissions(folder / name, fs::perms(0644));
  // A change here changes the digest of every slug: then the cache of layers at the nodes is lost.
  EXPECT_EQ(Digest::of(pack(folder.path())).str(),
            "sha256:d8e38e0ba0df9472d485104e8b854d1572d8cbf90baf87e92ffb0ba7ffdc4882");
}

TEST(PackTree, SetsOwnerTimeAndMode) {
  const TempFolder folder;
  folder.write("f", "x");
  fs::permissions(folder / "f", fs::perms(06755));
  const auto lines = listing(pack(folder.path(), {.owner = {1000, 1001}, .mtimeSeconds = 86400}), "tvf");
  ASSERT_EQ(lines.size(), 2u);
  EXPECT_THAT(lines[0], testing::StartsWith("drwxr-xr-x 1000/1001"));
  EXPECT_THAT(lines[1], testing::StartsWith("-rwxr-xr-x 1000/1001"));
  EXPECT_THAT(lines[1], HasSubstr("1970-01-02"));
}

TEST(PackTree, KeepsSymlinksAsTheyAre) {
  const TempFolder folder;
  const TempFolder outside;
  outside.write("secret", "x");
  fs::create_directory_symlink(outside.path(), folder / "folder");
  fs::create_symlink("../../etc/passwd", folder / "file");
  fs::create_symlink("gone", folder / "dangling");
  EXPECT_THAT(
      listing(pack(folder.path()), "tvf"),
      ElementsAre(HasSubstr("./app/"), HasSubstr("dangling -> gone"), HasSubstr("file -> ../../etc/passwd"),
                  HasSubstr("folder -> " + outside.path().string())));
}

TEST(PackTree, LeavesOutWhatIsNoFile) {
  const TempFolder folder;
  ASSERT_EQ(::mkfifo((folder / "fifo").c_str(), 0600), 0);
  EXPECT_THAT(listing(pack(folder.path())), ElementsAre("./app/"));
}

TEST(PackTree, WritesHardLinksAsCopies) {
  const TempFolder folder;
  fs::create_hard_link(folder.write("a", "same"), folder / "b");
  StringSink sink;
  const PackStats stats = packTree(folder.path(), {}, sink);
  EXPECT_EQ(stats.entries, 3u);
  EXPECT_EQ(stats.contentBytes, 8u);
  EXPECT_THAT(listing(sink.text, "tvf"), testing::Each(testing::Not(HasSubstr("link to"))));
}

TEST(PackTree, ArchivesThatAreLeftOpenJoinToOne) {
  const TempFolder folder;
  folder.write("a/b", "first");
  folder.write("c", std::string(1000, 'x'));
  const auto entries = listTree(folder.path());
  const auto packed = [&](std::vector<TreeEntry> part, PackOptions::Ending ending) {
    StringSink sink;
    packEntries(folder.path(), part, {.ending = ending}, sink);
    return sink.text;
  };
  const std::string open = packed({entries[0], entries[1]}, PackOptions::Ending::open);
  EXPECT_EQ(open.size() % 512, 0u);
  EXPECT_THAT(listing(open), ElementsAre("./app/", "./app/a/", "./app/a/b"));
  EXPECT_THAT(listing(open + packed({entries[2]}, PackOptions::Ending::closed)),
              ElementsAre("./app/", "./app/a/", "./app/a/b", "./app/", "./app/c"));
}

TEST(PackTree, NamesOfAnyBytesSurvive) {
  const TempFolder folder;
  const TempFolder unpacked;
  const std::string deep = std::string(90, 'd') + "/" + std::string(90, 'e') + "/" + std::string(200, 'f');
  const std::vector<std::string> names = {"caf\xc3\xa9",
                                          "\xff\xfe",
                                          "a b\n=c",
                                          deep,
                                          std::string(99, 'g'),
                                          std::string(100, 'h'),
                                          "\xff" + std::string(150, 'i')};
  for (const auto& name : names)
    folder.write(name, name);
  fs::create_symlink(std::string(300, 's'), folder / "long-target");
  const auto tar = unpacked.write("t.tar", pack(folder.path()));
  mustRun({"tar", "xf", tar.string(), "-C", unpacked.path().string()});
  for (const auto& name : names)
    EXPECT_EQ(unpacked.read("app/" + name), name);
  EXPECT_EQ(fs::read_symlink(unpacked / "app/long-target"), std::string(300, 's'));
  fs::create_directory(unpacked / "own");
  unpackTarFile(tar, unpacked / "own", {.keepOwners = false});
  for (const auto& name : names)
    EXPECT_EQ(unpacked.read("own/app/" + name), name);
}

TEST(PackTree, MovesNumbersThatDoNotFitIntoPaxRecords) {
  const TempFolder folder;
  folder.write("f", "x");
  const auto lines =
      listing(pack(folder.path(), {.owner = {4'000'000'000, 3'000'000}, .mtimeSeconds = -1}), "tvf");
  EXPECT_THAT(lines[1], HasSubstr("4000000000/3000000"));
  EXPECT_THAT(lines[1], HasSubstr("1969-12-31"));
}

TEST(PackTree, RefusesPathsThatNobodyCouldUnpack) {
  const TempFolder folder;
  const std::string name(200, 'd');
  Fd here = openFile(folder.path(), O_RDONLY | O_DIRECTORY);
  for (int i = 0; i < 22; ++i) {
    ASSERT_EQ(::mkdirat(here.get(), name.c_str(), 0755), 0);
    here = openAt(here, name, O_RDONLY | O_DIRECTORY);
  }
  EXPECT_THROW(pack(folder.path()), Error);
}

TEST(PackTree, MissingFolderIsNotFound) {
  EXPECT_THROW(pack("/no/such/folder"), Error);
}

TEST(PackTree, PassesOnTheSinksError) {
  struct FullSink : ByteSink {
    void write(std::string_view) override { throw Error(Errc::io, "disk is full"); }
  } sink;
  const TempFolder folder;
  EXPECT_THROW(packTree(folder.path(), {}, sink), Error);
}

}  // namespace
}  // namespace base
