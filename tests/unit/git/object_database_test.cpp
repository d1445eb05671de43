#include "git/object_database.h"

#include <gtest/gtest.h>

#include <fstream>

#include "base/child_process.h"
#include "base/error.h"
#include "base/strings.h"
#include "tests/support/temp_folder.h"
#include "tests/unit/git/git_program.h"

namespace git {
namespace {

using testing::GitProgram;

constexpr std::uint64_t kMax = 100u << 20;

class ObjectDatabaseTest : public ::testing::TestWithParam<ObjectFormat> {
 protected:
  ObjectDatabaseTest() : git_(folder_.path()) {
    git_({"init", "-q", "--bare", "--object-format=" + std::string(name(GetParam())), "repo.git"});
  }
  DatabaseOptions options(const std::string& repository = "repo.git") const {
    return {.objects = folder_ / repository / "objects", .quarantine = {}, .format = GetParam()};
  }
  ObjectId parse(const std::string& hex) const { return ObjectId::parse(GetParam(), hex).value(); }
  ObjectId addBlob(const std::string& text, const std::string& repository = "repo.git") {
    folder_.write("input", text);
    return parse(git_({"-C", repository, "hash-object", "-w", (folder_ / "input").string()}));
  }
  /// Versions of a long text, so that the pack has chains of deltas.
  std::vector<std::pair<ObjectId, std::string>> addVersions() {
    std::vector<std::pair<ObjectId, std::string>> versions;
    std::string text;
    for (int line = 0; line < 400; ++line)
      text += "line " + std::to_string(line * 7919) + "\n";
    for (int each = 0; each < 30; ++each) {
      text += "more " + std::to_string(each) + "\n";
      versions.emplace_back(addBlob(text), text);
    }
    return versions;
  }
  void pack(std::vector<std::string> options, const std::string& repository = "repo.git") {
    std::string all;
    for (const std::string& line :
         base::split(git_({"-C", repository, "cat-file", "--batch-check", "--batch-all-objects"}), '\n'))
      all += line.substr(0, line.find(' ')) + "\n";
    folder_.write("ids", all);
    std::string command = "git -C " + repository + " pack-objects -q";
    for (const std::string& option : options)
      command += " " + option;
    git_.shell(command + " objects/pack/pack <ids && git -C " + repository + " prune-packed");
  }

  testing_support::TempFolder folder_;
  GitProgram git_;
};

TEST_P(ObjectDatabaseTest, ReadsLooseAndPackedObjects) {
  const auto versions = addVersions();
  const ObjectDatabase loose(options());
  for (const auto& [id, text] : versions) {
    EXPECT_TRUE(loose.contains(id));
    EXPECT_EQ(loose.find(id, kMax)->data, text);
    EXPECT_EQ(loose.findHeader(id)->size, text.size());
  }
  pack({"--delta-base-offset"});
  for (const auto& [id, text] : versions) {
    // Noticed without being told.
    const auto object = loose.find(id, kMax);
    ASSERT_TRUE(object);
    EXPECT_EQ(object->data, text);
    EXPECT_EQ(object->type, ObjectType::blob);
    EXPECT_EQ(loose.findHeader(id)->size, text.size());
    EXPECT_EQ(loose.findHeader(id)->type, ObjectType::blob);
  }
}

TEST_P(ObjectDatabaseTest, ReadsDeltasThatNameTheirBase) {
  const auto versions = addVersions();
  pack({"--no-reuse-delta"});
  const ObjectDatabase database(options());
  for (const auto& [id, text] : versions)
    EXPECT_EQ(database.find(id, kMax)->data, text);
}

TEST_P(ObjectDatabaseTest, ReadsIndexesOfVersionOneAndWithLargeOffsets) {
  const auto versions = addVersions();
  pack({"--index-version=1"});
  {
    const ObjectDatabase database(options());
    for (const auto& [id, text] : versions)
      EXPECT_EQ(database.find(id, kMax)->data, text);
  }
  git_.shell(
      "rm repo.git/objects/pack/*.idx && for pack in repo.git/objects/pack/*.pack; do "
      "git -C repo.git index-pack --index-version=2,0x40 ../$pack; done");
  const ObjectDatabase database(options());
  for (const auto& [id, text] : versions)
    EXPECT_EQ(database.find(id, kMax)->data, text);
}

TEST_P(ObjectDatabaseTest, FollowsAlternatesAndLooksIntoAQuarantine) {
  git_({"init", "-q", "--bare", "--object-format=" + std::string(name(GetParam())), "other.git"});
  git_({"init", "-q", "--bare", "--object-format=" + std::string(name(GetParam())), "third.git"});
  const ObjectId borrowed = addBlob("borrowed", "other.git");
  const ObjectId waiting = addBlob("waiting", "third.git");
  folder_.write("repo.git/objects/info/alternates", "# comment\n../../other.git/objects\n");
  DatabaseOptions both = options();
  both.quarantine = folder_ / "third.git/objects";
  const ObjectDatabase database(both);
  EXPECT_EQ(database.find(borrowed, kMax)->data, "borrowed");
  EXPECT_EQ(database.find(waiting, kMax)->data, "waiting");
}

TEST_P(ObjectDatabaseTest, RefusesWhatIsTooLargeAndTellsWhatIsAbsent) {
  const ObjectId id = addBlob(std::string(1000, 'x'));
  const ObjectDatabase database(options());
  EXPECT_THROW(database.find(id, 999), base::Error);
  EXPECT_FALSE(database.find(ObjectId::null(GetParam()), kMax));
  EXPECT_FALSE(database.contains(ObjectId::null(GetParam())));
}

TEST_P(ObjectDatabaseTest, CallsDamagedPacksCorrupt) {
  const auto versions = addVersions();
  pack({"--delta-base-offset"});
  const std::string packName =
      base::split(git_.shell("cd repo.git/objects/pack && chmod u+w * && ls *.pack"), '\n').front();
  const std::string path = "repo.git/objects/pack/" + packName;
  std::string bytes = folder_.read(path);
  for (std::size_t at = 12; at + 40 < bytes.size(); at += 3)
    bytes[at] = static_cast<char>(bytes[at] ^ 0x55);
  folder_.write(path, bytes);
  const ObjectDatabase database(options());
  for (const auto& version : versions) {
    try {
      database.find(version.first, kMax);
    } catch (const base::Error& error) {
      EXPECT_TRUE(error.code() == base::Errc::corrupt || error.code() == base::Errc::invalidArgument);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Formats, ObjectDatabaseTest,
                         ::testing::Values(ObjectFormat::sha1, ObjectFormat::sha256),
                         [](const auto& format) { return std::string(name(format.param)); });

}  // namespace
}  // namespace git
