#include "base/archive_source.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <string>

#include "base/archive.h"
#include "base/child_process.h"
#include "base/error.h"
#include "base/fd.h"
#include "base/gzip.h"
#include "base/tree_list.h"
#include "tests/support/byte_streams.h"
#include "tests/support/raw_tar.h"
#include "tests/support/temp_folder.h"

namespace base {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::HasSubstr;
using testing_support::RawTar;
using testing_support::StringSink;
using testing_support::StringSource;
using testing_support::TempFolder;

/// A place of the source's own, with a file beside it that nothing may touch.
struct Site {
  Site() {
    fs::create_directory(root());
    folder.write("outside", "not yours");
  }
  fs::path root() const { return folder / "root"; }
  fs::path unpack(const std::string& tar, const SourceRules& with = {}) const {
    StringSource source(tar, 1000);
    return unpackSource(source, root(), with);
  }
  std::vector<std::string> names(const fs::path& top) const {
    std::vector<std::string> found;
    for (const TreeEntry& entry : listTree(top))
      found.push_back(entry.path);
    return found;
  }
  TempFolder folder;
};

/// "code: message" of what is refused.
std::string problemOf(const std::string& tar, const SourceRules& with = {}) {
  const Site site;
  std::string problem = "none";
  try {
    site.unpack(tar, with);
  } catch (const Error& error) {
    problem = std::string(name(error.code())) + ": " + error.what();
  }
  EXPECT_EQ(site.folder.read("outside"), "not yours");
  return problem;
}

std::string problemOf(const RawTar& tar, const SourceRules& with = {}) {
  return problemOf(tar.bytes(), with);
}

unsigned modeOf(const fs::path& file) {
  struct stat info {};
  EXPECT_EQ(::lstat(file.c_str(), &info), 0) << file;
  return info.st_mode & 07777;
}

TEST(UnpackSource, MakesWhatACheckoutWouldHave) {
  const Site site;
  const fs::path top =
      site.unpack(RawTar()
                      .add({.name = "./", .type = '5', .mode = 01777, .uid = 7})
                      .add({.name = "./bin/", .type = '5', .mode = 02700})
                      .add({.name = "./bin/run", .content = "#!", .mode = 04711, .uid = 7, .gid = 8})
                      .add({.name = "./bin/same", .type = '1', .link = "./bin/run"})
                      .add({.name = "Procfile", .content = "web: x", .mode = 0})
                      .add({.name = "link", .type = '2', .link = "../../etc/passwd"})
                      .add({.name = "no/parents", .content = "y", .mode = 0666})
                      .bytes());
  EXPECT_EQ(top, site.root());
  EXPECT_THAT(site.names(top),
              ElementsAre("Procfile", "bin", "bin/run", "bin/same", "link", "no", "no/parents"));
  EXPECT_EQ(modeOf(top / "bin"), 0755u);
  EXPECT_EQ(modeOf(top / "bin/run"), 0755u);
  EXPECT_EQ(modeOf(top / "Procfile"), 0644u);
  EXPECT_EQ(modeOf(top / "no"), 0755u);
  EXPECT_EQ(modeOf(top / "no/parents"), 0644u);
  EXPECT_EQ(site.folder.read("root/bin/same"), "#!");
  EXPECT_EQ(fs::read_symlink(top / "link"), "../../etc/passwd");
}

TEST(UnpackSource, ReadsWhatTarAndItsCompressorsWrite) {
  const TempFolder made;
  made.write("app/Procfile", "web: x");
  for (const std::string how : {"", "z", "J", "--zstd"}) {
    const std::string flags = how.empty() || how.front() == '-' ? "-cf" : "-c" + how + "f";
    std::vector<std::string> argv{"tar"};
    if (how.starts_with("--")) argv.push_back(how);
    for (const std::string& each :
         {flags, (made / "a.tar").string(), std::string("-C"), (made / "app").string(), std::string(".")})
      argv.push_back(each);
    mustRun(argv, {});
    const Site site;
    const fs::path top = site.unpack(readFile(made / "a.tar"));
    EXPECT_THAT(site.names(top), ElementsAre("Procfile")) << how;
  }
}

TEST(UnpackSource, BeginsInTheOnlyFolderAtTheTop) {
  const Site one;
  EXPECT_EQ(one.unpack(RawTar().add({.name = "hello-1.0/Procfile", .content = "x"}).bytes()),
            one.root() / "hello-1.0");
  const Site two;
  EXPECT_EQ(
      two.unpack(RawTar().add({.name = "a/x", .content = "x"}).add({.name = "b/x", .content = "x"}).bytes()),
      two.root());
  const Site beside;
  EXPECT_EQ(
      beside.unpack(RawTar().add({.name = "a/x", .content = "x"}).add({.name = "y", .content = "x"}).bytes()),
      beside.root());
  const Site link;
  EXPECT_EQ(link.unpack(RawTar().add({.name = "a", .type = '2', .link = "/etc"}).bytes()), link.root());
  const Site git;
  EXPECT_EQ(git.unpack(RawTar().add({.name = ".git/HEAD"}).add({.name = "a/x", .content = "x"}).bytes()),
            git.root())
      << "a repository with one folder in it";
}

TEST(UnpackSource, LeavesOutGitFolders) {
  const Site site;
  const fs::path top = site.unpack(RawTar()
                                       .add({.name = ".git/config", .content = "x"})
                                       .add({.name = "a/.GIT/hooks/run", .content = "x"})
                                       .add({.name = "b/.git", .type = '2', .link = "/"})
                                       .add({.name = ".gitignore", .content = "x"})
                                       .bytes());
  EXPECT_THAT(site.names(top), ElementsAre(".gitignore"));
}

TEST(UnpackSource, RefusesNamesThatLeadOut) {
  for (const char* bad : {"../x", "a/../../x", "a/..", ".."})
    EXPECT_THAT(problemOf(RawTar().add({.name = bad, .content = "x"})), HasSubstr("leads out of it")) << bad;
  EXPECT_THAT(problemOf(RawTar().add({.name = "/etc/x", .content = "x"})),
              HasSubstr("the absolute name /etc/x: pack it with relative names"));
  EXPECT_THAT(problemOf(RawTar().pax("path", std::string(300, 'x')).add({.name = "y"})),
              HasSubstr("more than 255 bytes"));
}

TEST(UnpackSource, NeverWritesThroughALink) {
  const RawTar link = RawTar()
                          .add({.name = "real/x", .content = "x"})
                          .add({.name = "in", .type = '2', .link = "real"})
                          .add({.name = "out", .type = '2', .link = ".."});
  EXPECT_THAT(problemOf(RawTar(link).add({.name = "out/outside", .content = "mine"})),
              HasSubstr("out is a symlink"));
  EXPECT_THAT(problemOf(RawTar(link).add({.name = "in/x", .content = "mine"})), HasSubstr("in is a symlink"));
  EXPECT_THAT(problemOf(RawTar(link).add({.name = "in/new/", .type = '5'})), HasSubstr("in is a symlink"));
  EXPECT_THAT(problemOf(RawTar(link).add({.name = "same", .type = '1', .link = "out/outside"})),
              HasSubstr("out is a symlink"));
  const Site site;
  site.unpack(RawTar(link).add({.name = "out", .content = "a file in the link's place"}).bytes());
  EXPECT_EQ(site.folder.read("root/out"), "a file in the link's place");
}

TEST(UnpackSource, RefusesHardLinksToWhatIsNotInIt) {
  for (const char* target : {"../outside", "/etc/passwd", "missing", ".git/config"})
    EXPECT_NE(problemOf(RawTar()
                            .add({.name = ".git/config", .content = "x"})
                            .add({.name = "same", .type = '1', .link = target})),
              "none")
        << target;
  EXPECT_THAT(problemOf(RawTar().add({.name = "same", .type = '1', .link = "missing"})),
              HasSubstr("a hard link to a file that is not in it before, same"));
}

TEST(UnpackSource, RefusesDevicesAndFifos) {
  for (const char type : {'3', '4', '6'})
    EXPECT_THAT(problemOf(RawTar().add({.name = "dev", .type = type})),
                HasSubstr("a device, fifo or socket, dev: leave it out"))
        << type;
}

TEST(UnpackSource, HasLimitsThatNameTheirSettings) {
  SourceRules small;
  small.maxFiles = 2;
  small.maxBytes = 10;
  small.maxDepth = 2;
  EXPECT_EQ(problemOf(RawTar().add({.name = "a/b/c", .content = "0123456789"}).add({.name = "x"}), small),
            "none");
  EXPECT_THAT(
      problemOf(RawTar().add({.name = "a"}).add({.name = "b"}).add({.name = "c"}), small),
      HasSubstr("more than 2 files and folders: make it smaller, or raise the setting export_max_files"));
  EXPECT_THAT(problemOf(RawTar().add({.name = "a", .content = "0123456789+"}), small),
              HasSubstr("larger than 10B: make it smaller, or raise the setting export_max_bytes"));
  EXPECT_THAT(
      problemOf(RawTar().add({.name = ".git/a", .content = "012345"}).add({.name = "b", .content = "012345"}),
                small),
      HasSubstr("export_max_bytes"));
  EXPECT_THAT(
      problemOf(RawTar().add({.name = "a/b/c/d", .content = "0"}), small),
      HasSubstr("nested deeper than 2 folders: make it smaller, or raise the setting export_max_depth"));
}

TEST(UnpackSource, ABombIsRefusedBeforeItIsUnpacked) {
  // 8 GiB by its header: that rules, so that no disk is filled to find out.
  StringSink packed;
  {
    GzipWriter gzip(packed);
    gzip.write(RawTar().pax("size", "8589934592").add({.name = "zeros"}).unfinished());
    gzip.write(std::string(8 << 20, '\0'));
    gzip.finish();
  }
  EXPECT_THAT(problemOf(packed.text), HasSubstr("larger than 2.0G"));
}

TEST(UnpackSource, RefusesWhatIsDamagedEmptyOrNoArchive) {
  const std::string whole = RawTar().add({.name = "a", .content = std::string(5000, 'x')}).bytes();
  EXPECT_THAT(problemOf(whole.substr(0, 3000)), HasSubstr("corrupt: the archive is damaged"));
  StringSink packed;
  {
    GzipWriter gzip(packed);
    gzip.write(RawTar().add({.name = "a", .content = std::string(5000, 'x')}).add({.name = "b"}).bytes());
    gzip.finish();
  }
  EXPECT_THAT(problemOf(packed.text.substr(0, packed.text.size() - 12)),
              HasSubstr("corrupt: the archive is damaged"));
  EXPECT_THAT(problemOf("PK\3\4 this is no tar"), HasSubstr("corrupt: the archive is damaged"));
  EXPECT_THAT(problemOf(RawTar()), HasSubstr("the source has no files"));
  EXPECT_THAT(problemOf(RawTar().add({.name = ".git/HEAD"})), HasSubstr("the source has no files"));
  EXPECT_NE(problemOf(""), "none");
}

TEST(UnpackSource, StopsWhenItIsAsked) {
  std::stop_source stop;
  SourceRules mine;
  mine.stop = stop.get_token();
  stop.request_stop();
  EXPECT_THAT(problemOf(RawTar().add({.name = "a"}), mine), HasSubstr("cancelled"));
}

std::string gzipped(const std::string& bytes) {
  StringSink packed;
  GzipWriter gzip(packed);
  gzip.write(bytes);
  gzip.finish();
  return packed.text;
}

std::string slugProblemOf(const std::string& packed, const SourceRules& with = {}) {
  const Site site;
  std::string problem = "none";
  try {
    StringSource source(packed, 1000);
    unpackSlug(source, site.root(), with);
  } catch (const Error& error) {
    problem = std::string(name(error.code())) + ": " + error.what();
  }
  EXPECT_EQ(site.folder.read("outside"), "not yours");
  return problem;
}

std::string slugProblemOf(const RawTar& tar, const SourceRules& with = {}) {
  return slugProblemOf(gzipped(tar.bytes()), with);
}

TEST(UnpackSlug, KeepsWhatIsBelowApp) {
  const Site site;
  const std::string packed = gzipped(RawTar()
                                         .add({.name = "./", .type = '5', .mode = 01777})
                                         .add({.name = "./app/", .type = '5', .mode = 0700})
                                         .add({.name = "./app/bin/", .type = '5', .mode = 02750})
                                         .add({.name = "./app/bin/run", .content = "#!", .mode = 04711})
                                         .add({.name = "app/bin/same", .type = '1', .link = "./app/bin/run"})
                                         .add({.name = "app/.git/HEAD", .content = "x", .mode = 0640})
                                         .add({.name = "app/link", .type = '2', .link = "/etc/passwd"})
                                         .bytes());
  StringSource source(packed, 7);
  unpackSlug(source, site.root(), {});
  EXPECT_THAT(site.names(site.root()),
              ElementsAre(".git", ".git/HEAD", "bin", "bin/run", "bin/same", "link"));
  EXPECT_EQ(modeOf(site.root() / "bin"), 0750u);
  EXPECT_EQ(modeOf(site.root() / "bin/run"), 0711u);
  EXPECT_EQ(modeOf(site.root() / ".git/HEAD"), 0640u);
  EXPECT_EQ(site.folder.read("root/bin/same"), "#!");
}

TEST(UnpackSlug, ReadsArchivesOneBehindTheOther) {
  const RawTar first = RawTar().add({.name = "./app/", .type = '5'}).add({.name = "./app/a", .content = "a"});
  const RawTar second =
      RawTar().add({.name = "./app/", .type = '5'}).add({.name = "./app/b", .content = "b"});
  for (const std::string& packed :
       {gzipped(first.unfinished()) + gzipped(second.bytes()), gzipped(first.bytes() + second.bytes())}) {
    const Site site;
    StringSource source(packed, 1000);
    unpackSlug(source, site.root(), {});
    EXPECT_THAT(site.names(site.root()), ElementsAre("a", "b"));
  }
}

TEST(UnpackSlug, ReadsWhatTarAndItsCompressorsWrite) {
  const TempFolder made;
  made.write("app/Procfile", "web: x");
  for (const std::string how : {"--gzip", "--xz", "--zstd"}) {
    mustRun({"tar", how, "-cf", (made / "a.tar").string(), "-C", made.path().string(), "./app"}, {});
    const std::string packed = readFile(made / "a.tar");
    EXPECT_EQ(slugProblemOf(packed), "none") << how;
    EXPECT_THAT(slugProblemOf(packed + "junk"), HasSubstr("the archive is damaged")) << how;
    EXPECT_THAT(slugProblemOf(packed.substr(0, packed.size() - 9)), HasSubstr("the archive is damaged"))
        << how;
  }
}

TEST(UnpackSlug, RefusesWhatDoesNotBelongThere) {
  const RawTar good = RawTar().add({.name = "./app/x", .content = "x"});
  EXPECT_EQ(slugProblemOf(good), "none");
  for (const char* bad : {"x", "./x", "apps/x", ".", "./APP/x"})
    EXPECT_THAT(slugProblemOf(RawTar(good).add({.name = bad, .content = "x"})),
                HasSubstr("a name that is not below ./app"))
        << bad;
  EXPECT_THAT(slugProblemOf(RawTar(good).add({.name = "/app/x", .content = "x"})),
              HasSubstr("the slug has the absolute name /app/x"));
  EXPECT_THAT(slugProblemOf(RawTar(good).add({.name = "app/../app/x", .content = "x"})),
              HasSubstr("leads out of it"));
  for (const char type : {'0', '2', '1'})
    EXPECT_THAT(slugProblemOf(RawTar(good).add({.name = "./app", .type = type, .link = "app/x"})),
                HasSubstr("an ./app that is no folder"))
        << type;
  EXPECT_THAT(slugProblemOf(RawTar(good)
                                .add({.name = "app/in", .type = '2', .link = "/tmp"})
                                .add({.name = "app/in/y", .content = "y"})),
              HasSubstr("in is a symlink"));
  for (const char* target : {"app/missing", "outside", "../outside", "app", "/etc/passwd"})
    EXPECT_NE(slugProblemOf(RawTar(good).add({.name = "app/same", .type = '1', .link = target})), "none")
        << target;
  for (const char type : {'3', '4', '6'})
    EXPECT_THAT(slugProblemOf(RawTar(good).add({.name = "app/dev", .type = type})),
                HasSubstr("a device, fifo or socket"));
  EXPECT_THAT(slugProblemOf(RawTar().add({.name = "./", .type = '5'})), HasSubstr("has no ./app"));
  EXPECT_THAT(slugProblemOf(RawTar()), HasSubstr("has no ./app"));
  EXPECT_THAT(slugProblemOf(good.bytes()), HasSubstr("the slug is not compressed"));
}

TEST(UnpackSlug, EndsWhereItSaysThatItDoes) {
  const RawTar good = RawTar().add({.name = "./app/x", .content = std::string(5000, 'x')});
  const std::string packed = gzipped(good.bytes());
  EXPECT_EQ(slugProblemOf(packed), "none");
  EXPECT_THAT(slugProblemOf(packed + "junk behind the end"),
              HasSubstr("something stands behind its end: send a whole tar"));
  EXPECT_THAT(slugProblemOf(packed + std::string(600'000, '\0')),
              HasSubstr("something stands behind its end"));
  EXPECT_THAT(slugProblemOf(gzipped(good.bytes() + std::string(1024, 'j'))),
              HasSubstr("the archive is damaged"));
  EXPECT_THAT(slugProblemOf(packed.substr(0, packed.size() / 2)), HasSubstr("the archive is damaged"));
  EXPECT_THAT(slugProblemOf(packed.substr(0, packed.size() - 1)), HasSubstr("the archive is damaged"));
  EXPECT_NE(slugProblemOf(""), "none");
}

TEST(UnpackSlug, HasLimitsThatNameTheirSettings) {
  SourceRules small;
  small.maxFiles = 2;
  small.maxBytes = 10;
  small.maxDepth = 2;
  EXPECT_EQ(slugProblemOf(RawTar().add({.name = "app/a/b/c", .content = "0123456789"}), small), "none");
  EXPECT_THAT(
      slugProblemOf(RawTar().add({.name = "app/a"}).add({.name = "app/b"}).add({.name = "app/c"}), small),
      HasSubstr("slug_max_files"));
  EXPECT_THAT(slugProblemOf(RawTar().add({.name = "app/a", .content = "0123456789+"}), small),
              HasSubstr("the slug is larger than 10B: make it smaller, or raise the setting "
                        "slug_max_expanded_bytes"));
  EXPECT_THAT(slugProblemOf(RawTar().add({.name = "app/a/b/c/d"}), small), HasSubstr("export_max_depth"));
}

}  // namespace
}  // namespace base
