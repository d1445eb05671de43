#include "git/detail/object_check.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>

#include "base/child_process.h"
#include "base/error.h"
#include "git/pack_receiver.h"
#include "tests/support/temp_folder.h"
#include "tests/unit/git/pack_builder.h"

namespace git {
namespace {

using ::testing::HasSubstr;
using testing::idOf;
using testing::MemorySource;
using testing::NamedEntry;
using testing::PackBuilder;
using testing::treeBytes;

const std::string kEmptyTree = "4b825dc642cb6eb9a060e54bf8d69288fbee4904";

struct Case {
  std::string name;
  ObjectType type;
  std::string bytes;
  std::string message;      ///< that git and we refuse it with; empty: neither does
  bool onlyWarned = false;  ///< by Fairlead's own policy
  std::string blob{};       ///< that comes along, for trees that name one
};

ObjectId blobId() {
  return idOf(ObjectType::blob, "x");
}

NamedEntry file(const std::string& name, const std::string& mode = "100644") {
  return {mode, name, blobId()};
}

Case tree(const std::string& name, std::vector<NamedEntry> entries, const std::string& message,
          bool onlyWarned = false) {
  return {name, ObjectType::tree, treeBytes(entries), message, onlyWarned, "x"};
}

Case gitmodules(const std::string& text, const std::string& message) {
  return {text,
          ObjectType::tree,
          treeBytes({{"100644", ".gitmodules", idOf(ObjectType::blob, text)}}),
          message,
          false,
          text};
}

Case commit(const std::string& name, const std::string& text, const std::string& message,
            bool onlyWarned = false) {
  return {name, ObjectType::commit, text, message, onlyWarned, {}};
}

std::vector<Case> treeCases() {
  const std::string idBytes(blobId().bytes());
  return {
      tree("good", {file("a"), file("b.c"), {"40000", "d", *ObjectId::parse(ObjectFormat::sha1, kEmptyTree)}},
           ""),
      tree("dot", {file(".")}, "hasDot"),
      tree("dotdot", {file("..")}, "hasDotdot"),
      tree("dotgit", {file(".git")}, "hasDotgit"),
      tree("dotgit in capitals", {file(".GIT")}, "hasDotgit"),
      tree("dotgit for HFS+", {file(".g\u200cit")}, "hasDotgit"),
      tree("dotgit for NTFS", {file("GIT~1")}, "hasDotgit"),
      tree("dotgit and blanks", {file(".git . .")}, "hasDotgit"),
      tree("dotgit stream", {file(".git::$INDEX_ALLOCATION")}, "hasDotgit"),
      tree("dotgit behind a backslash", {file("a\\.git")}, "hasDotgit"),
      tree("dotgit as a part of a name", {file(".gitx"), file("x.git")}, ""),
      tree("full path", {file("a/b")}, "fullPathname"),
      tree("null id", {{"100644", "a", ObjectId()}}, "nullSha1"),
      tree("duplicate", {file("a"), file("a")}, "duplicateEntries"),
      tree("file and folder",
           {file("a"), file("a.c"), {"40000", "a", *ObjectId::parse(ObjectFormat::sha1, kEmptyTree)}},
           "duplicateEntries"),
      tree("not sorted", {file("b"), file("a")}, "treeNotSorted"),
      tree("zero-padded", {file("a", "0100644")}, "zeroPaddedFilemode", true),
      tree(".gitmodules link", {file(".gitmodules", "120000")}, "gitmodulesSymlink"),
      tree(".gitmodules link for NTFS", {file("GI7EBA~1", "120000")}, "gitmodulesSymlink"),
      tree(".gitmodules link shortened", {file("gitmod~4", "120000")}, "gitmodulesSymlink"),
      tree(".gitmodules link with more digits", {file("gi7e~123", "120000")}, "gitmodulesSymlink"),
      tree(".gitmodules link for HFS+", {file(".gitmod\u200dules", "120000")}, "gitmodulesSymlink"),
      {"empty name", ObjectType::tree, std::string("100644 \0", 8) + idBytes, "badTree", false, "x"},
      {"cut", ObjectType::tree, std::string("100644 a\0", 9) + idBytes.substr(1), "badTree", false, "x"},
      {"bad mode", ObjectType::tree, std::string("10064x a\0", 9) + idBytes, "badTree", false, "x"},
      {"no mode", ObjectType::tree, std::string(" a\0", 3) + idBytes, "badTree", false, "x"},
      {"empty tree", ObjectType::tree, "", "", false, ""},
  };
}

std::vector<Case> commitCases() {
  const std::string head = "tree " + kEmptyTree + "\n";
  const std::string who = "A <a@b> 1 +0000\n";
  const auto by = [&](const std::string& author) {
    return head + "author " + author + "\ncommitter " + who + "\nx\n";
  };
  return {
      commit("good", by("A <a@b> 1 +0000"), ""),
      commit("no tree", "author " + who + "committer " + who + "\nx\n", "missingTree"),
      commit("bad tree", "tree 123\nauthor " + who + "committer " + who + "\nx\n", "badTreeSha1"),
      commit("bad parent", head + "parent 123\nauthor " + who + "committer " + who + "\nx\n",
             "badParentSha1"),
      commit("no author", head + "committer " + who + "\nx\n", "missingAuthor"),
      commit("two authors", head + "author " + who + "author " + who + "committer " + who + "\nx\n",
             "multipleAuthors", true),
      commit("no committer", head + "author " + who + "\nx\n", "missingCommitter"),
      commit("no name", by("<a@b> 1 +0000"), "missingNameBeforeEmail", true),
      commit("bad name", by("A> <a@b> 1 +0000"), "badName", true),
      commit("no email", by("A 1 +0000"), "missingEmail", true),
      commit("no space before email", by("A<a@b> 1 +0000"), "missingSpaceBeforeEmail", true),
      commit("bad email", by("A <a@<b> 1 +0000"), "badEmail", true),
      commit("no space before date", by("A <a@b>1 +0000"), "missingSpaceBeforeDate", true),
      commit("zero-padded date", by("A <a@b> 01 +0000"), "zeroPaddedDate", true),
      commit("bad date", by("A <a@b> x +0000"), "badDate", true),
      commit("date overflow", by("A <a@b> 18446744073709551616 +0000"), "badDateOverflow", true),
      commit("bad zone", by("A <a@b> 1 0000"), "badTimezone", true),
      commit("NUL in the header", head + std::string("aut\0hor ", 8) + who + "committer " + who + "\nx\n",
             "nulInHeader"),
      commit("unterminated", "tree " + kEmptyTree, "unterminatedHeader"),
      commit("NUL in the text", by("A <a@b> 1 +0000") + std::string("\0", 1), "nulInCommit", true),
  };
}

std::vector<Case> tagCases() {
  const std::string head = "object " + kEmptyTree + "\ntype tree\n";
  const std::string rest = "tag v1\ntagger A <a@b> 1 +0000\n\nx\n";
  const auto tag = [](const std::string& name, const std::string& text, const std::string& message) {
    return Case{name, ObjectType::tag, text, message, false, {}};
  };
  return {
      tag("good", head + rest, ""),
      tag("no object", "type tree\n" + rest, "missingObject"),
      tag("bad object", "object 123\ntype tree\n" + rest, "badObjectSha1"),
      tag("no type", "object " + kEmptyTree + "\n" + rest, "missingTypeEntry"),
      tag("bad type", "object " + kEmptyTree + "\ntype wood\n" + rest, "badType"),
      tag("no tag", head + "tagger A <a@b> 1 +0000\n\nx\n", "missingTagEntry"),
  };
}

std::vector<Case> blobCases() {
  return {
      gitmodules("[submodule \"lib\"]\n\tpath = lib\n\turl = https://example.com/lib.git\n", ""),
      gitmodules("[submodule \"..\"]\n\tpath = lib\n", "gitmodulesName"),
      gitmodules("[submodule \"a/../b\"]\n\tpath = lib\n", "gitmodulesName"),
      gitmodules("[submodule \"a\\\\..\\\\b\"]\n\tpath = lib\n", "gitmodulesName"),
      gitmodules("[submodule \"..a\"]\n\tpath = lib\n", ""),
      gitmodules("[submodule \"\"]\n\tpath = lib\n", "gitmodulesName"),
      gitmodules("[SubModule \"a\"]\n\tPath = -lib\n", "gitmodulesPath"),
      gitmodules("[submodule.a]\n\tpath = \"-lib\"\n", "gitmodulesPath"),
      gitmodules("[submodule \"a\"]\n\turl = -u./payload\n", "gitmodulesUrl"),
      gitmodules("[submodule \"a\"]\n\turl = \"\\\n-u./payload\"\n", "gitmodulesUrl"),
      gitmodules("[submodule \"a\"]\n\turl = ../../../:evil.com/x\n", "gitmodulesUrl"),
      gitmodules("[submodule \"a\"]\n\turl = ../%0ahost=evil\n", "gitmodulesUrl"),
      gitmodules("[submodule \"a\"]\n\turl = git://host/%0apath\n", "gitmodulesUrl"),
      gitmodules("[submodule \"a\"]\n\turl = https://example.com%0a/x\n", "gitmodulesUrl"),
      gitmodules("[submodule \"a\"]\n\turl = http::https://example.com/x\n", ""),
      gitmodules("[submodule \"a\"]\n\turl = https::example.com/x\n", "gitmodulesUrl"),
      gitmodules("[submodule \"a\"]\n\turl = https:///x\n", "gitmodulesUrl"),
      gitmodules("[submodule \"a\"]\n\turl = ../sibling.git\n", ""),
      gitmodules("[submodule \"a\"]\n\turl = git@host:x.git\n", ""),
      gitmodules("[submodule \"a\"]\n\tupdate = !sh\n", "gitmodulesUpdate"),
      gitmodules("[submodule \"a\"]\n\tupdate = rebase # !sh\n", ""),
      gitmodules("; note\r\n[submodule \"a\"] path = -x\r\n", "gitmodulesPath"),
      gitmodules("[submodule \"a\"]\n\tpath\n", ""),
      {".gitattributes with a long line", ObjectType::tree,
       treeBytes({{"100644", ".gitattributes", idOf(ObjectType::blob, std::string(2048, 'a'))}}),
       "gitattributesLineLength", false, std::string(2048, 'a')},
      {".gitattributes with lines", ObjectType::tree,
       treeBytes(
           {{"100644", ".gitattributes", idOf(ObjectType::blob, std::string(2047, 'a') + "\n*.c text\n")}}),
       "", false, std::string(2047, 'a') + "\n*.c text\n"},
  };
}

class ObjectCheckTest : public ::testing::Test {
 protected:
  ObjectCheckTest() {
    base::mustRun({"git", "init", "-q", "--bare", (folder_ / "peer").string()});
    std::filesystem::create_directories(folder_ / "pack");
  }

  /// What git index-pack refuses the pack with.
  std::string gitSays(const std::string& pack) {
    const auto out = base::runCommand(
        {"git", "-C", (folder_ / "peer").string(), "index-pack", "--stdin", "--fix-thin", "--fsck-objects"},
        {.input = pack});
    return out.status.ok() ? "" : out.err;
  }

  std::string weSay(const std::string& pack, const FsckPolicy& policy, bool thin = false) {
    MemorySource existing;
    existing.add(ObjectType::tree, "");
    if (thin) existing.add(ObjectType::blob, thinBlob_);
    PackReceiver receiver({.folder = folder_ / "pack", .existing = existing, .limits = {}, .policy = policy});
    try {
      receiver.append(pack);
      summary_ = receiver.finish();
      return "";
    } catch (const base::Error& error) {
      EXPECT_EQ(error.code(), base::Errc::invalidArgument);
      return error.what();
    }
  }

  /// The blob before or behind the object that names it.
  static std::string packOf(const Case& one, bool blobFirst) {
    PackBuilder pack;
    if (blobFirst && !one.blob.empty()) pack.add(ObjectType::blob, one.blob);
    pack.add(one.type, one.bytes);
    if (!blobFirst && !one.blob.empty()) pack.add(ObjectType::blob, one.blob);
    return pack.bytes();
  }

  void check(const std::vector<Case>& cases) {
    const FsckPolicy strict(FsckPolicy::Preset::strict);
    for (const Case& one : cases) {
      SCOPED_TRACE(one.name);
      const std::string theirs = gitSays(packOf(one, false));
      if (one.message.empty()) {
        EXPECT_EQ(theirs, "");
      } else if (theirs.find("fatal: invalid ") == std::string::npos) {
        // What git cannot even parse it refuses without an id.
        EXPECT_THAT(theirs, HasSubstr(": " + one.message + ": "));
      }
      for (const bool blobFirst : {false, true}) {
        const std::string ours = weSay(packOf(one, blobFirst), strict);
        if (one.message.empty()) {
          EXPECT_EQ(ours, "");
        } else {
          EXPECT_THAT(ours, HasSubstr(": " + one.message + ": "));
        }
      }
      const std::string own = weSay(packOf(one, false), FsckPolicy());
      EXPECT_EQ(own.empty(), one.message.empty() || one.onlyWarned) << own;
      if (one.onlyWarned) {
        ASSERT_EQ(summary_.warnings.size(), 1u);
        EXPECT_THAT(summary_.warnings.front(), HasSubstr(": " + one.message + ": "));
      }
    }
  }

  testing_support::TempFolder folder_;
  PackSummary summary_;
  std::string thinBlob_;
};

TEST_F(ObjectCheckTest, TreesAsGit) {
  check(treeCases());
}

TEST_F(ObjectCheckTest, CommitsAsGit) {
  check(commitCases());
}

TEST_F(ObjectCheckTest, TagsAsGit) {
  check(tagCases());
}

TEST_F(ObjectCheckTest, SpecialBlobsAsGit) {
  check(blobCases());
}

TEST_F(ObjectCheckTest, SpecialBlobsThatAreDeltasOrInTheRepository) {
  const std::string bad = "[submodule \"..\"]\n\tpath = lib\n";
  const std::string tree = treeBytes({{"100644", ".gitmodules", idOf(ObjectType::blob, bad)}});
  PackBuilder alone;
  alone.add(ObjectType::tree, tree);
  EXPECT_THAT(weSay(alone.bytes(), FsckPolicy()), HasSubstr("gitmodulesMissing"));
  thinBlob_ = bad;
  EXPECT_THAT(weSay(alone.bytes(), FsckPolicy(), true), HasSubstr("gitmodulesName"));
  PackBuilder deltas;
  const std::uint64_t base = deltas.add(ObjectType::blob, bad + "x");
  deltas.addOffsetDelta(
      base, testing::Delta(bad.size() + 1, bad.size()).copy(0, static_cast<std::uint32_t>(bad.size())));
  deltas.add(ObjectType::tree, tree);
  EXPECT_THAT(weSay(deltas.bytes(), FsckPolicy()), HasSubstr("gitmodulesName"));
}

// git's own check does not get past the mark, though its configuration reader does.
TEST_F(ObjectCheckTest, AByteOrderMarkHidesNothing) {
  const std::string text = "\xef\xbb\xbf[submodule \"a\"]\n\tpath = -x\n";
  EXPECT_THAT(weSay(packOf(gitmodules(text, ""), false), FsckPolicy()), HasSubstr("gitmodulesPath"));
}

TEST_F(ObjectCheckTest, PathsWithALineEndAreRefused) {
  const std::string text = "[submodule \"a\"]\n\tpath = \"lib\r\"\n";
  EXPECT_THAT(weSay(packOf(gitmodules(text, ""), false), FsckPolicy()), HasSubstr("gitmodulesPath"));
}

TEST_F(ObjectCheckTest, TheMessageNamesTheObject) {
  const Case one = tree("dotgit", {file(".git")}, "hasDotgit");
  EXPECT_EQ(weSay(packOf(one, false), FsckPolicy()),
            "object " + idOf(ObjectType::tree, one.bytes).hex() + ": hasDotgit: contains '.git'");
}

TEST_F(ObjectCheckTest, PoliciesCanBeChanged) {
  const Case one = tree("dotgit", {file(".git")}, "hasDotgit");
  const std::string pack = packOf(one, false);
  FsckPolicy warns(FsckPolicy::Preset::strict);
  EXPECT_TRUE(warns.set("HASDOTGIT", "warn"));
  EXPECT_EQ(weSay(pack, warns), "");
  EXPECT_EQ(summary_.warningCount, 1u);
  FsckPolicy skips(FsckPolicy::Preset::strict);
  skips.skip(ObjectFormat::sha1, "# known\n\n " + idOf(ObjectType::tree, one.bytes).hex() + " # old\n");
  EXPECT_EQ(weSay(pack, skips), "");
  EXPECT_EQ(weSay(pack, FsckPolicy(FsckPolicy::Preset::off)), "");
  EXPECT_FALSE(warns.set("noSuchId", "warn"));
  EXPECT_THROW(warns.set("hasDot", "loud"), base::Error);
  EXPECT_THROW(warns.set("nulInHeader", "warn"), base::Error);
  EXPECT_THROW(skips.skip(ObjectFormat::sha1, "zzz\n"), base::Error);
}

TEST_F(ObjectCheckTest, WhatCannotBeReadIsRefusedWithoutChecks) {
  for (const Case& one : {commit("no tree", "author x\n", ""), treeCases()[22], tagCases()[1]}) {
    SCOPED_TRACE(one.name);
    EXPECT_NE(weSay(packOf(one, false), FsckPolicy(FsckPolicy::Preset::off)), "");
  }
}

}  // namespace
}  // namespace git
