#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <chrono>

#include "base/error.h"
#include "git/commit.h"
#include "git/export_tree.h"
#include "tests/support/temp_folder.h"
#include "tests/unit/git/pack_builder.h"

namespace git {
namespace {

using Entries = std::vector<testing::NamedEntry>;

class ExportTest : public ::testing::TestWithParam<ObjectFormat> {
 protected:
  ExportTest() { std::filesystem::create_directory(folder_ / "out"); }

  ObjectId blob(std::string bytes) { return objects_.add(ObjectType::blob, std::move(bytes)); }
  ObjectId tree(const Entries& entries) {
    return objects_.add(ObjectType::tree, testing::treeBytes(entries));
  }
  /// An id of nothing.
  static ObjectId nowhere() { return testing::idOf(ObjectType::blob, "not there", GetParam()); }
  ExportStats exportOf(const ObjectId& id) { return exportTree(objects_, id, folder_ / "out", options_); }
  std::pair<base::Errc, std::string> refusal(const ObjectId& id) {
    try {
      exportOf(id);
    } catch (const base::Error& error) {
      return {error.code(), error.what()};
    }
    return {base::Errc::internal, "nothing was thrown"};
  }
  bool nothingWritten() const { return std::filesystem::is_empty(folder_ / "out"); }

  testing_support::TempFolder folder_;
  testing::MemorySource objects_{GetParam()};
  ExportOptions options_;
};

TEST_P(ExportTest, WritesFilesFoldersLinksAndEmptySubmodules) {
  const ObjectId below = tree({{"100755", "run", blob("#!/bin/sh\n")}});
  const ExportStats stats = exportOf(tree({{"100644", "a", blob("text")},
                                           {"40000", "bin", below},
                                           {"120000", "link", blob("bin/run")},
                                           {"160000", "sub", nowhere()}}));
  EXPECT_EQ(stats.files, 3u);
  EXPECT_EQ(stats.bytes, 4u + 10u + 7u);
  ASSERT_EQ(stats.submodules.size(), 1u);
  EXPECT_EQ(folder_.read("out/a"), "text");
  const auto mode = [&](const char* name) {
    struct stat found {};
    ::lstat((folder_ / name).c_str(), &found);
    return found.st_mode & 07777;
  };
  EXPECT_EQ(mode("out/a"), 0644u);
  EXPECT_EQ(mode("out/bin"), 0755u);
  EXPECT_EQ(mode("out/bin/run"), 0755u);
  EXPECT_EQ(std::filesystem::read_symlink(folder_ / "out/link"), "bin/run");
  EXPECT_TRUE(std::filesystem::is_empty(folder_ / "out/sub"));
}

TEST_P(ExportTest, CountsFilesWhoseContentIsElsewhere) {
  const std::string pointer =
      "version https://git-lfs.github.com/spec/v1\noid sha256:" + std::string(64, 'a') + "\nsize 12345\n";
  const ExportStats stats =
      exportOf(tree({{"100644", "about-lfs.md", blob("see " + pointer)},
                     {"100644", "big.bin", blob(pointer)},
                     {"100644", "version", blob("version https://git-lfs.github.com/spec/v1")}}));
  EXPECT_EQ(stats.lfsPointers, 1u);
  EXPECT_EQ(folder_.read("out/big.bin"), pointer);
}

TEST_P(ExportTest, RefusesABombAtOnce) {
  // Ten trees of ten entries each: 10^10 files.
  ObjectId id = blob("boom");
  std::string mode = "100644";
  for (int level = 0; level < 10; ++level) {
    Entries entries;
    for (char name = 'a'; name < 'k'; ++name)
      entries.push_back({mode, std::string(1, name), id});
    id = tree(entries);
    mode = "40000";
  }
  const auto begin = std::chrono::steady_clock::now();
  const auto [code, message] = refusal(id);
  EXPECT_EQ(code, base::Errc::invalidArgument);
  EXPECT_NE(message.find("setting export_max_files"), std::string::npos) << message;
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(1));
  EXPECT_TRUE(nothingWritten());
}

TEST_P(ExportTest, RefusesABombOfEmptyFolders) {
  ObjectId id = tree({});
  for (int level = 0; level < 10; ++level) {
    Entries entries;
    for (char name = 'a'; name < 'k'; ++name)
      entries.push_back({"40000", std::string(1, name), id});
    id = tree(entries);
  }
  EXPECT_NE(refusal(id).second.find("export_max_files"), std::string::npos);
}

TEST_P(ExportTest, RefusesWhatExpandsToTooManyBytesOrIsTooDeep) {
  options_.maxBytes = 1000;
  const ObjectId big = blob(std::string(400, 'x'));
  EXPECT_NE(refusal(tree({{"100644", "a", big}, {"100644", "b", big}, {"100644", "c", big}}))
                .second.find("export_max_bytes"),
            std::string::npos);
  options_.maxDepth = 8;
  ObjectId id = tree({});
  for (int level = 0; level < 10; ++level)
    id = tree({{"40000", "d", id}});
  EXPECT_NE(refusal(id).second.find("nested deeper"), std::string::npos);
  EXPECT_TRUE(nothingWritten());
}

TEST_P(ExportTest, NeverWritesThroughALinkOrOutside) {
  const ObjectId outside = blob((folder_ / "outside").string());
  const ObjectId evil = tree({{"100644", "x", blob("evil")}});
  // git's own order cannot hold a link and a folder of one name, so neither can we.
  EXPECT_EQ(refusal(tree({{"120000", "d", outside}, {"40000", "d", evil}})).first, base::Errc::corrupt);
  for (const char* name : {"..", ".", "a/../../x", ".git", "/x", ".GIT"}) {
    EXPECT_EQ(refusal(tree({{"100644", name, blob("evil")}})).first, base::Errc::corrupt) << name;
    EXPECT_EQ(refusal(tree({{"40000", name, evil}})).first, base::Errc::corrupt) << name;
  }
  EXPECT_TRUE(nothingWritten());
  EXPECT_FALSE(std::filesystem::exists(folder_ / "outside"));
  EXPECT_FALSE(std::filesystem::exists(folder_ / "x"));
}

TEST_P(ExportTest, RefusesLinksWithoutATarget) {
  EXPECT_EQ(refusal(tree({{"120000", "l", blob("")}})).first, base::Errc::invalidArgument);
  EXPECT_EQ(refusal(tree({{"120000", "l", blob(std::string("a\0b", 3))}})).first,
            base::Errc::invalidArgument);
  EXPECT_EQ(refusal(tree({{"120000", "l", blob(std::string(5000, 'a'))}})).first,
            base::Errc::invalidArgument);
}

TEST_P(ExportTest, TellsDamageFromAbsence) {
  EXPECT_EQ(refusal(tree({{"100644", "a", nowhere()}})).first, base::Errc::corrupt);
  EXPECT_EQ(refusal(tree({{"40000", "a", blob("no tree")}})).first, base::Errc::corrupt);
  EXPECT_EQ(refusal(tree({{"100644", std::string(300, 'n'), blob("x")}})).first, base::Errc::invalidArgument);
}

TEST_P(ExportTest, StopsWhenAsked) {
  std::stop_source source;
  source.request_stop();
  options_.stop = source.get_token();
  EXPECT_EQ(refusal(tree({})).first, base::Errc::cancelled);
}

TEST_P(ExportTest, FindsTheTreeOfACommitAndOfATag) {
  const ObjectId root = tree({{"100644", "a", blob("text")}});
  const ObjectId commit = objects_.add(ObjectType::commit, testing::commitBytes(root));
  const ObjectId tag = objects_.add(
      ObjectType::tag, "object " + commit.hex() + "\ntype commit\ntag t\ntagger T <t@t> 1 +0000\n\nt\n");
  EXPECT_EQ(treeOf(objects_, commit), root);
  EXPECT_EQ(treeOf(objects_, tag), root);
  EXPECT_THROW(treeOf(objects_, root), base::Error);
  EXPECT_THROW(treeOf(objects_, nowhere()), base::Error);
}

INSTANTIATE_TEST_SUITE_P(Formats, ExportTest, ::testing::Values(ObjectFormat::sha1, ObjectFormat::sha256),
                         [](const auto& each) { return std::string(name(each.param)); });

}  // namespace
}  // namespace git
