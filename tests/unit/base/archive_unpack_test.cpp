#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <filesystem>
#include <functional>

#include "base/archive.h"
#include "base/child_process.h"
#include "base/error.h"
#include "tests/support/byte_streams.h"
#include "tests/support/raw_tar.h"
#include "tests/support/temp_folder.h"

namespace base {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;
using testing_support::RawTar;
using testing_support::StringSink;
using testing_support::StringSource;
using testing_support::TempFolder;

const UnpackOptions kOwn = {.keepOwners = false};

#define NEEDS_ROOT() \
  if (::geteuid() != 0) GTEST_SKIP() << "needs root"

void unpack(const std::string& tar, const fs::path& folder, const UnpackOptions& options = kOwn) {
  StringSource source(tar, 1000);
  unpackTar(source, folder, options);
}

/// The error's code and message, as "code: message".
std::string problemOf(const std::string& tar, const UnpackOptions& options = kOwn) {
  const TempFolder folder;
  fs::create_directory(folder / "root");
  try {
    unpack(tar, folder / "root", options);
    return "none";
  } catch (const Error& error) {
    return std::string(name(error.code())) + ": " + error.what();
  }
}

struct stat statOf(const fs::path& file) {
  struct stat info {};
  EXPECT_EQ(::lstat(file.c_str(), &info), 0) << file;
  return info;
}

std::string opaqueMark(const fs::path& folder) {
  char value[8] = {};
  const ssize_t size = ::lgetxattr(folder.c_str(), "trusted.overlay.opaque", value, sizeof value);
  return size < 0 ? "" : std::string(value, static_cast<std::size_t>(size));
}

TEST(UnpackTar, RefusesWhatIsNestedTooDeep) {
  UnpackOptions shallow = kOwn;
  shallow.maxDepth = 2;
  EXPECT_EQ(problemOf(RawTar().add({.name = "a/b/c", .content = "x"}).bytes(), shallow), "none");
  EXPECT_THAT(problemOf(RawTar().add({.name = "a/b/c/d"}).bytes(), shallow),
              HasSubstr("nested deeper than 2 folders (maxDepth)"));
}

TEST(UnpackTar, MakesFilesFoldersAndLinks) {
  const TempFolder folder;
  unpack(RawTar()
             .add({.name = "./", .type = '5', .mode = 0750})
             .add({.name = "./bin/", .type = '5', .mode = 0755})
             .add({.name = "./bin/run", .content = "#!", .mode = 0755})
             .add({.name = "bin/same", .type = '1', .link = "./bin/run"})
             .add({.name = "/absolute", .content = "x", .mode = 0600})
             .add({.name = "link", .type = '2', .link = "../../anything"})
             .add({.name = "no/parents/given", .content = "y"})
             .bytes(),
         folder.path());
  EXPECT_EQ(folder.read("bin/run"), "#!");
  EXPECT_EQ(statOf(folder.path()).st_mode & 07777, 0750u);
  EXPECT_EQ(statOf(folder / "bin/run").st_mode & 07777, 0755u);
  EXPECT_EQ(statOf(folder / "bin/run").st_ino, statOf(folder / "bin/same").st_ino);
  EXPECT_EQ(folder.read("absolute"), "x");
  EXPECT_EQ(fs::read_symlink(folder / "link"), "../../anything");
  EXPECT_EQ(folder.read("no/parents/given"), "y");
  EXPECT_EQ(statOf(folder / "no/parents").st_mode & 07777, 0755u);
}

TEST(UnpackTar, RefusesNamesWithDotDot) {
  for (const char* name : {"../x", "a/../../x", "a/..", "..", "/../x", "./../x"}) {
    EXPECT_THAT(problemOf(RawTar().add({.name = name, .content = "x"}).bytes()), HasSubstr("invalidArgument"))
        << name;
  }
  EXPECT_THAT(problemOf(RawTar().add({.name = "x", .type = '1', .link = "../x"}).bytes()),
              HasSubstr("invalidArgument"));
}

TEST(UnpackTar, SymlinksCannotLeadOutside) {
  const TempFolder outer;
  fs::create_directory(outer / "root");
  outer.write("victim/f", "safe");
  unpack(RawTar()
             .add({.name = "up", .type = '2', .link = "../victim"})
             .add({.name = "up/f", .content = "evil"})
             .add({.name = "abs", .type = '2', .link = (outer / "victim").string()})
             .add({.name = "abs/f", .content = "evil"})
             .add({.name = "chain", .type = '2', .link = "up/../../../victim"})
             .add({.name = "chain/g", .content = "evil"})
             .add({.name = "hard", .type = '1', .link = "abs/f"})
             .bytes(),
         outer / "root");
  EXPECT_EQ(outer.read("victim/f"), "safe");
  EXPECT_FALSE(fs::exists(outer / "victim/g"));
  // They count from the root of the tree, as they would in the container.
  EXPECT_EQ(outer.read("root/victim/f"), "evil");
  EXPECT_EQ(outer.read("root/victim/g"), "evil");
  EXPECT_EQ(outer.read("root" + (outer / "victim").string() + "/f"), "evil");
  EXPECT_EQ(outer.read("root/hard"), "evil");
}

TEST(UnpackTar, SymlinksToTheirOwnAreAnError) {
  EXPECT_THAT(problemOf(RawTar()
                            .add({.name = "a", .type = '2', .link = "b"})
                            .add({.name = "b", .type = '2', .link = "a"})
                            .add({.name = "a/f", .content = "x"})
                            .bytes()),
              HasSubstr("too many symlinks"));
}

TEST(UnpackTar, DoesNotWriteThroughASymlinkInTheFilesPlace) {
  const TempFolder outer;
  fs::create_directory(outer / "root");
  const auto victim = outer.write("victim", "safe");
  unpack(RawTar()
             .add({.name = "f", .type = '2', .link = victim.string()})
             .add({.name = "f", .content = "new"})
             .add({.name = "d", .type = '2', .link = outer.path().string()})
             .add({.name = "d/", .type = '5', .mode = 0700})
             .bytes(),
         outer / "root");
  EXPECT_EQ(outer.read("victim"), "safe");
  EXPECT_EQ(outer.read("root/f"), "new");
  EXPECT_TRUE(fs::is_directory(fs::symlink_status(outer / "root/d")));
}

TEST(UnpackTar, LaterEntriesReplaceEarlierOnes) {
  const TempFolder folder;
  unpack(RawTar()
             .add({.name = "a", .content = "1"})
             .add({.name = "a", .content = "22"})
             .add({.name = "b", .content = "file"})
             .add({.name = "b/c", .content = "below"})
             .add({.name = "d/e/f", .content = "x"})
             .add({.name = "d", .content = "file now"})
             .add({.name = "g/", .type = '5'})
             .add({.name = "g/h", .content = "kept"})
             .add({.name = "g/", .type = '5', .mode = 0700})
             .add({.name = "l", .type = '1', .link = "a"})
             .add({.name = "l", .content = "own"})
             .bytes(),
         folder.path());
  EXPECT_EQ(folder.read("a"), "22");
  EXPECT_EQ(folder.read("b/c"), "below");
  EXPECT_EQ(folder.read("d"), "file now");
  EXPECT_EQ(folder.read("g/h"), "kept");
  EXPECT_EQ(folder.read("l"), "own");
}

TEST(UnpackTar, HardLinkToItselfOrThroughASymlinkKeepsTheFile) {
  const TempFolder folder;
  unpack(RawTar()
             .add({.name = "d/f", .content = "x"})
             .add({.name = "d/f", .type = '1', .link = "./d/f"})
             .add({.name = "s", .type = '2', .link = "d"})
             .add({.name = "s/f", .type = '1', .link = "d/f"})
             .bytes(),
         folder.path());
  EXPECT_EQ(folder.read("d/f"), "x");
}

TEST(UnpackTar, HardLinkToNothingIsCorrupt) {
  EXPECT_THAT(problemOf(RawTar().add({.name = "l", .type = '1', .link = "missing"}).bytes()),
              HasSubstr("corrupt"));
  EXPECT_THAT(problemOf(RawTar().add({.name = "l", .type = '1', .link = "no/such/file"}).bytes()),
              HasSubstr("corrupt"));
}

TEST(UnpackTar, SkipsDevicesUnlessAsked) {
  const TempFolder folder;
  const std::string tar =
      RawTar().add({.name = "null", .type = '3'}).add({.name = "fifo", .type = '6'}).bytes();
  unpack(tar, folder.path());
  EXPECT_TRUE(fs::is_empty(folder.path()));
  NEEDS_ROOT();
  unpack(tar, folder.path(), {.devices = true});
  EXPECT_TRUE(fs::is_character_file(folder / "null"));
  EXPECT_TRUE(fs::is_fifo(folder / "fifo"));
}

TEST(UnpackTar, DropsSetIdBitsWithoutOwners) {
  const TempFolder folder;
  unpack(RawTar().add({.name = "f", .mode = 06755}).add({.name = "tmp/", .type = '5', .mode = 01777}).bytes(),
         folder.path());
  EXPECT_EQ(statOf(folder / "f").st_mode & 07777, 0755u);
  EXPECT_EQ(statOf(folder / "tmp").st_mode & 07777, 01777u);
}

TEST(UnpackTar, ShiftsOwners) {
  NEEDS_ROOT();
  const TempFolder folder;
  unpack(RawTar()
             .add({.name = "f", .mode = 04755, .uid = 33, .gid = 44})
             .add({.name = "l", .type = '2', .link = "f", .uid = 1, .gid = 2})
             .add({.name = "d/", .type = '5', .uid = 5, .gid = 6})
             .add({.name = "implied/f"})
             .bytes(),
         folder.path(), {.ownerShift = 100'000});
  EXPECT_EQ(statOf(folder / "f").st_uid, 100'033u);
  EXPECT_EQ(statOf(folder / "f").st_gid, 100'044u);
  EXPECT_EQ(statOf(folder / "f").st_mode & 07777, 04755u);
  EXPECT_EQ(statOf(folder / "l").st_uid, 100'001u);
  EXPECT_EQ(statOf(folder / "d").st_gid, 100'006u);
  EXPECT_EQ(statOf(folder / "implied").st_uid, 100'000u);
}

TEST(UnpackTar, RefusesOwnersBeyondTheLast) {
  NEEDS_ROOT();
  const std::string tar = RawTar().pax("uid", "4294967290").add({.name = "f"}).bytes();
  EXPECT_THAT(problemOf(tar, {.ownerShift = 100'000}), HasSubstr("owner's number"));
  EXPECT_EQ(problemOf(tar, {}), "none");
}

TEST(UnpackTar, KeepsCapabilitiesOnlyForTheirOwners) {
  NEEDS_ROOT();
  using std::string_literals::operator""s;
  const std::string capability =
      "\x01\x00\x00\x02\x00\x20\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"s;
  const std::string tar =
      RawTar().pax("SCHILY.xattr.security.capability", capability).add({.name = "f"}).bytes();
  const auto kept = [&](const UnpackOptions& options) {
    const TempFolder folder;
    unpack(tar, folder.path(), options);
    char value[64];
    return ::lgetxattr((folder / "f").c_str(), "security.capability", value, sizeof value) == 20;
  };
  EXPECT_TRUE(kept({}));
  EXPECT_FALSE(kept({.ownerShift = 1}));
  EXPECT_FALSE(kept({.keepOwners = false}));
}

TEST(UnpackTar, TurnsWhiteoutsIntoOverlayfsOnes) {
  NEEDS_ROOT();
  const TempFolder folder;
  unpack(RawTar()
             .add({.name = "d/.wh.gone"})
             .add({.name = "e/", .type = '5'})
             .add({.name = "e/.wh..wh..opq"})
             .add({.name = "e/new", .content = "x"})
             .add({.name = ".wh..wh.plnk"})
             .bytes(),
         folder.path(), {.whiteouts = true});
  EXPECT_TRUE(fs::is_character_file(folder / "d/gone"));
  EXPECT_EQ(statOf(folder / "d/gone").st_rdev, makedev(0, 0));
  EXPECT_EQ(opaqueMark(folder / "e"), "y");
  EXPECT_EQ(opaqueMark(folder / "d"), "");
  EXPECT_EQ(folder.read("e/new"), "x");
  EXPECT_FALSE(fs::exists(folder / ".wh..wh.plnk"));
}

TEST(UnpackTar, WhiteoutsHideLowerLayersOnly) {
  NEEDS_ROOT();
  const TempFolder folder;
  unpack(RawTar()
             .add({.name = "file", .content = "stays"})
             .add({.name = ".wh.file"})
             .add({.name = "before/f", .content = "stays"})
             .add({.name = ".wh.before"})
             .add({.name = ".wh.after"})
             .add({.name = "after/f", .content = "stays"})
             .add({.name = ".wh.again"})
             .add({.name = "again", .content = "stays"})
             .bytes(),
         folder.path(), {.whiteouts = true});
  EXPECT_EQ(folder.read("file"), "stays");
  EXPECT_EQ(folder.read("before/f"), "stays");
  EXPECT_EQ(opaqueMark(folder / "before"), "y");
  EXPECT_EQ(folder.read("after/f"), "stays");
  EXPECT_EQ(opaqueMark(folder / "after"), "y");
  EXPECT_EQ(folder.read("again"), "stays");
}

TEST(UnpackTar, WhiteoutsNeedAName) {
  for (const char* name : {".wh.", ".wh..", ".wh...", "d/.wh.."}) {
    EXPECT_THAT(problemOf(RawTar().add({.name = name}).bytes(), {.whiteouts = true}),
                HasSubstr("invalidArgument"))
        << name;
  }
}

TEST(UnpackTar, WhiteoutsAreFilesWhenNotAskedFor) {
  const TempFolder folder;
  unpack(RawTar().add({.name = ".wh.x", .content = "y"}).bytes(), folder.path());
  EXPECT_EQ(folder.read(".wh.x"), "y");
}

TEST(UnpackTar, LimitsEntriesAndBytes) {
  const std::string tar =
      RawTar().add({.name = "a", .content = "12345"}).add({.name = "b", .content = "678"}).bytes();
  EXPECT_EQ(problemOf(tar, {.keepOwners = false, .maxEntries = 2, .maxBytes = 8}), "none");
  EXPECT_THAT(problemOf(tar, {.keepOwners = false, .maxEntries = 1}), HasSubstr("maxEntries"));
  EXPECT_THAT(problemOf(tar, {.keepOwners = false, .maxBytes = 7}), HasSubstr("maxBytes"));
}

TEST(UnpackTar, DamagedArchivesAreCorrupt) {
  const std::string tar = RawTar().add({.name = "a", .content = std::string(2000, 'x')}).bytes();
  EXPECT_THAT(problemOf(tar.substr(0, 1500)), HasSubstr("corrupt"));
  EXPECT_THAT(problemOf("this is no archive"), HasSubstr("corrupt"));
  EXPECT_THAT(problemOf(""), HasSubstr("corrupt"));
  std::string wrongSum = tar;
  wrongSum[0] = 'b';
  EXPECT_THAT(problemOf(wrongSum), HasSubstr("corrupt"));
  EXPECT_EQ(problemOf(RawTar().bytes()), "none");
}

TEST(UnpackTar, NamesWithControlCharactersAreShownHarmless) {
  EXPECT_THAT(problemOf(RawTar().add({.name = "a/../\x1b[2J"}).bytes()), HasSubstr("a/../?[2J"));
}

TEST(UnpackTar, FillsFoldersThatForbidIt) {
  const TempFolder outer;
  fs::create_directory(outer / "root");
  fs::permissions(outer.path(), fs::perms::all);
  fs::permissions(outer / "root", fs::perms::all);
  const std::string tar = RawTar()
                              .add({.name = "ro/", .type = '5', .mode = 0555})
                              .add({.name = "ro/none/", .type = '5', .mode = 0000})
                              .add({.name = "ro/none/f", .content = "x"})
                              .add({.name = "ro/g", .content = "y"})
                              .add({.name = "rw/", .type = '5', .mode = 0500})
                              .add({.name = "rw/", .type = '5', .mode = 0755})
                              .bytes();
  const auto body = [&] {
    if (::geteuid() == 0 && ::setuid(65534) != 0) ::_exit(2);
    try {
      fs::create_directory(outer / "root/mine");
      unpack(tar, outer / "root/mine");
    } catch (const std::exception&) {
      ::_exit(3);
    }
    ::_exit(0);
  };
  ASSERT_EXIT(body(), testing::ExitedWithCode(0), "");
  EXPECT_EQ(statOf(outer / "root/mine/ro").st_mode & 07777, 0555u);
  EXPECT_EQ(statOf(outer / "root/mine/rw").st_mode & 07777, 0755u);
  fs::permissions(outer / "root/mine/ro", fs::perms::all);
  EXPECT_EQ(statOf(outer / "root/mine/ro/none").st_mode & 07777, 0u);
}

TEST(UnpackTar, ReadsWhatGnuTarWrites) {
  const TempFolder folder;
  folder.write("in/caf\xc3\xa9", "x");
  folder.write("in/" + std::string(90, 'n') + "/" + std::string(80, 'n'), "long");
  mustRun({"truncate", "-s", "300K", (folder / "in/sparse").string()});
  for (const char* format : {"gnu", "pax", "ustar"}) {
    for (const char* flag : {"--gzip", "--xz", "--zstd", "--sparse"}) {
      if (std::string(format) == "ustar" && std::string(flag) == "--sparse") continue;
      const auto tar = folder / (std::string(format) + flag);
      if (!findProgram(std::string(flag).substr(2)) && std::string(flag) != "--sparse") continue;
      mustRun({"tar", "-cf", tar.string(), std::string("--format=") + format, flag, "-C",
               (folder / "in").string(), "."});
      const auto out = folder / (std::string("out") + format + flag);
      fs::create_directory(out);
      unpackTarFile(tar, out, kOwn);
      mustRun({"diff", "-r", (folder / "in").string(), out.string()});
    }
  }
}

TEST(UnpackTar, PassesOnTheSourcesError) {
  struct BrokenSource : ByteSource {
    std::size_t read(char*, std::size_t) override { throw Error(Errc::conflict, "digest mismatch"); }
  } source;
  const TempFolder folder;
  try {
    unpackTar(source, folder.path(), kOwn);
    FAIL();
  } catch (const Error& error) {
    EXPECT_STREQ(error.what(), "digest mismatch");
  }
}

TEST(Decompress, KnowsPlainFromPacked) {
  const TempFolder folder;
  const auto file = folder.write("f", std::string(300'000, 'x'));
  for (const char* program : {"gzip", "xz", "zstd", "cat"}) {
    if (!findProgram(program)) continue;
    const std::string packed = mustRun({"sh", "-c", std::string(program) + " < " + file.string()});
    StringSource source(packed, 777);
    StringSink sink;
    decompress(source, sink);
    EXPECT_TRUE(sink.text == folder.read("f")) << program;
  }
  StringSource empty("");
  StringSink sink;
  decompress(empty, sink);
  EXPECT_EQ(sink.text, "");
}

TEST(Decompress, DamagedBytesAreCorrupt) {
  const TempFolder folder;
  const auto file = folder.write("f", std::string(300'000, 'x'));
  const std::string packed = mustRun({"gzip", "-c", file.string()});
  StringSource source(packed.substr(0, packed.size() / 2));
  StringSink sink;
  EXPECT_THROW(decompress(source, sink), Error);
}

}  // namespace
}  // namespace base
