#include "gitd/detail/pack_check.h"

#include <gtest/gtest.h>

#include "base/child_process.h"
#include "base/error.h"
#include "gitd/detail/pack_indexer.h"
#include "gitd/repository.h"
#include "tests/support/temp_folder.h"
#include "tests/unit/gitd/git_objects.h"

namespace gitd::detail {
namespace {

using testing::Entry;

/// Objects are made in one repository, packed, and received by another.
class PackCheckTest : public ::testing::Test {
 protected:
  PackCheckTest() {
    createRepository(source_);
    createRepository(target_);
  }

  std::string blob(const std::string& bytes) { return remember(testing::writeBlob(source_, bytes)); }
  std::string tree(const std::vector<Entry>& entries) {
    return remember(testing::writeTree(source_, entries));
  }
  std::string object(const std::string& type, const std::string& bytes) {
    return remember(testing::writeObject(source_, type, bytes));
  }
  std::string commit(const std::string& treeId, const std::string& parent = "") {
    return remember(testing::writeCommit(source_, treeId, parent));
  }
  std::string remember(const std::string& id) {
    ids_.push_back(id);
    return id;
  }

  std::string pack() {
    base::CommandOptions options;
    for (const std::string& id : ids_)
      options.input += id + "\n";
    ids_.clear();
    return base::mustRun({"git", "-C", source_, "pack-objects", "-q", "--stdout"}, options);
  }

  PackSummary receive(const std::string& bytes) {
    quarantine_ = std::make_unique<Quarantine>(target_);
    PackIndexer indexer(target_, quarantine_->objects(), {64u << 20, 1000, 1u << 20});
    EXPECT_EQ(indexer.append(bytes), bytes.size());
    return indexer.finish({});
  }

  PackVerdict check(const std::vector<std::string>& tips) {
    return checkPack(target_, receive(pack()).index, tips, {});
  }
  std::string badObject(const std::vector<std::string>& tips) { return check(tips).badObject.value_or(""); }
  std::string missingObject(const std::vector<std::string>& tips) {
    return check(tips).missingObject.value_or("");
  }

  GitLibrary library_;
  testing_support::TempFolder folder_;
  std::filesystem::path source_ = folder_ / "source.git";
  std::filesystem::path target_ = folder_ / "target.git";
  std::vector<std::string> ids_;
  std::unique_ptr<Quarantine> quarantine_;
};

TEST_F(PackCheckTest, PassesAWholeHistory) {
  const std::string first = commit(tree({{"100644", "a", blob("1")}}));
  const std::string second =
      commit(tree({{"100644", "a", blob("2")}, {"160000", "sub", std::string(40, '9')}}), first);
  const std::string tag =
      object("tag", "object " + second + "\ntype commit\ntag v1\ntagger A <a@b> 1 +0000\n\nx\n");
  const PackVerdict verdict = check({second, tag});
  EXPECT_FALSE(verdict.badObject) << *verdict.badObject;
  EXPECT_FALSE(verdict.missingObject) << *verdict.missingObject;
}

TEST_F(PackCheckTest, LinksMayEndInTheRepository) {
  const std::string content = blob("1");
  const std::string first = commit(tree({{"100644", "a", content}}));
  EXPECT_FALSE(check({first}).missingObject);
  quarantine_->accept();
  const std::string second = commit(tree({{"100644", "a", content}, {"100644", "b", blob("2")}}), first);
  EXPECT_EQ(missingObject({second}), "");
}

TEST_F(PackCheckTest, FindsAnythingThatWasNotSent) {
  const std::string gone = testing::writeBlob(source_, "never sent");
  EXPECT_NE(missingObject({commit(tree({{"100644", "a", gone}}))}).find(gone), std::string::npos);
  const std::string unsentTree = testing::writeTree(source_, {});
  EXPECT_NE(missingObject({commit(unsentTree)}).find(unsentTree), std::string::npos);
  const std::string sent = tree({{"100644", "x", blob("x")}});
  const std::string unsentParent = testing::writeCommit(source_, sent);
  EXPECT_NE(missingObject({commit(sent, unsentParent)}).find(unsentParent), std::string::npos);
  blob("something");
  EXPECT_NE(missingObject({std::string(40, '8')}), "");
  // Nothing was sent at all.
  EXPECT_TRUE(checkPack(target_, std::nullopt, {std::string(40, '8')}, {}).missingObject);
}

TEST_F(PackCheckTest, FindsObjectsOfTheWrongType) {
  const std::string notATree = blob("b");
  EXPECT_NE(badObject({commit(tree({{"40000", "d", notATree}}))}), "");
  const std::string asParent = blob("c");
  EXPECT_NE(badObject({commit(tree({{"100644", "f", blob("d")}}), asParent)}), "");
  const std::string tagged = blob("e");
  EXPECT_NE(
      badObject({object("tag", "object " + tagged + "\ntype commit\ntag v1\ntagger A <a@b> 1 +0000\n\nx\n")}),
      "");
}

TEST_F(PackCheckTest, NamesGitsCheckForABadObject) {
  const std::string content = blob("x");
  const auto findingFor = [&](const std::vector<Entry>& entries) {
    remember(content);
    return badObject({commit(tree(entries))});
  };
  EXPECT_NE(findingFor({{"100644", "..", content}}).find("hasDotdot"), std::string::npos);
  EXPECT_NE(findingFor({{"100644", ".GIT", content}}).find("hasDotgit"), std::string::npos);
  EXPECT_NE(findingFor({{"100644", "a/b", content}}).find("fullPathname"), std::string::npos);
  EXPECT_NE(findingFor({{"100644", "a", content}, {"100644", "a", content}}).find("duplicateEntries"),
            std::string::npos);
  // Not reached by any tip, yet it would be stored.
  object("tree", "junk");
  EXPECT_NE(badObject({}).find("badTree"), std::string::npos);
  EXPECT_NE(badObject({object("commit", "tree 1\n")}).find("badTreeSha1"), std::string::npos);
}

TEST_F(PackCheckTest, ThinPacksAreCompleted) {
  std::string text;
  for (int i = 0; i < 3000; ++i)
    text += "line " + std::to_string(i * 31) + "\n";
  const std::string first = commit(tree({{"100644", "a", blob(text)}}));
  check({first});
  quarantine_->accept();
  const std::string second = commit(tree({{"100644", "a", blob(text + "end\n")}}), first);
  base::CommandOptions options;
  options.input = second + "\n^" + first + "\n";
  const std::string thin =
      base::mustRun({"git", "-C", source_, "pack-objects", "-q", "--thin", "--revs", "--stdout"}, options);
  EXPECT_LT(thin.size(), 1000u);
  const PackSummary summary = receive(thin);
  const PackVerdict verdict = checkPack(target_, summary.index, {second}, {});
  EXPECT_FALSE(verdict.badObject || verdict.missingObject);
  quarantine_->accept();
  base::mustRun({"git", "-C", target_, "fsck", "--strict"});
}

TEST_F(PackCheckTest, DamagedPacksAreRefused) {
  blob("some content that is long enough to matter");
  std::string bytes = pack();
  std::string trailer = bytes;
  trailer.back() = static_cast<char>(trailer.back() ^ 1);
  EXPECT_THROW(receive(trailer), base::Error);
  EXPECT_THROW(receive("PACK" + std::string("\0\0\0\2\0\0\0\1", 8) + std::string(40, 'x')), base::Error);
}

TEST_F(PackCheckTest, StopsWhenAsked) {
  commit(tree({{"100644", "a", blob("1")}}));
  const auto summary = receive(pack());
  std::stop_source source;
  source.request_stop();
  EXPECT_THROW(checkPack(target_, summary.index, {}, source.get_token()), base::Error);
}

}  // namespace
}  // namespace gitd::detail
