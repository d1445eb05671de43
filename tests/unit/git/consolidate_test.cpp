#include "git/consolidate.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "base/error.h"
#include "git/object_database.h"
#include "git/verify_pack.h"
#include "tests/support/killer.h"
#include "tests/support/temp_folder.h"
#include "tests/unit/git/git_program.h"

namespace git {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

class ConsolidateTest : public ::testing::TestWithParam<ObjectFormat> {
 protected:
  void SetUp() override {
    git_({"init", "-q", "--object-format=" + std::string(name(GetParam())), "."});
    // Every pack has deltas: a file that grows.
    for (int commit = 0; commit < 6; ++commit) {
      for (int line = 0; line < 80; ++line)
        text_ += "commit " + std::to_string(commit) + " line " + std::to_string(line * 7919) + "\n";
      std::ofstream(folder_ / "file") << text_;
      git_({"add", "file"});
      git_({"commit", "-q", "-m", "commit " + std::to_string(commit)});
      // By turns bases by offset and by id; some objects are in two packs.
      git_({"-c", commit % 2 == 0 ? "repack.useDeltaBaseOffset=true" : "repack.useDeltaBaseOffset=false",
            "repack", "-q", commit % 3 == 0 ? "-a" : "-d"});
    }
  }

  std::vector<fs::path> packs() const {
    std::vector<fs::path> found;
    for (const auto& entry : fs::directory_iterator(folder_ / ".git/objects/pack")) {
      if (entry.path().extension() == ".pack") found.push_back(entry.path());
    }
    return found;
  }
  std::string allObjects() const {
    return git_(
        {"cat-file", "--batch-all-objects", "--unordered", "--batch-check=%(objectname) %(objectsize)"});
  }
  Repository repository() const {
    return {.gitDir = folder_ / ".git",
            .commonDir = folder_ / ".git",
            .workTree = std::nullopt,
            .format = GetParam()};
  }
  std::vector<std::string> sorted(const std::string& text) const {
    auto lines = base::split(text, '\n');
    std::sort(lines.begin(), lines.end());
    return lines;
  }

  testing_support::TempFolder folder_;
  testing::GitProgram git_{folder_.path()};
  std::string text_;
};

TEST_P(ConsolidateTest, JoinsPacksAndLosesNothing) {
  const auto before = sorted(allObjects());
  const std::size_t count = packs().size();
  ASSERT_GE(count, 4u);
  std::size_t joins = 0;
  while (true) {
    const Consolidated done = consolidatePacks(repository(), {.packsPerClass = 2});
    if (done.superseded.empty()) break;
    ++joins;
    EXPECT_GT(done.objects, 2u);
    // Until the old ones are removed both serve.
    EXPECT_THAT(git_({"fsck", "--full", "--strict"}), HasSubstr(""));
    removeSuperseded(done);
    git_({"fsck", "--full", "--strict"});
    EXPECT_EQ(sorted(allObjects()), before);
  }
  EXPECT_GT(joins, 0u);
  EXPECT_LT(packs().size(), count);
  for (const fs::path& pack : packs())
    git_({"verify-pack", pack.string()});
  ObjectDatabase objects({.objects = folder_ / ".git/objects", .quarantine = {}, .format = GetParam()});
  const auto blob = objects.find(*ObjectId::parse(GetParam(), git_({"rev-parse", "HEAD:file"})), 1u << 20);
  EXPECT_EQ(blob->data, text_);
}

TEST_P(ConsolidateTest, RemovesNothingFromAnotherRepositoryOfThatName) {
  const Consolidated done = consolidatePacks(repository(), {.packsPerClass = 2});
  ASSERT_FALSE(done.superseded.empty());
  fs::remove(done.index);
  const std::size_t count = packs().size();
  removeSuperseded(done);
  EXPECT_EQ(packs().size(), count);
}

TEST_P(ConsolidateTest, LeavesAloneWhatIsNotFullOrIsMarked) {
  EXPECT_TRUE(consolidatePacks(repository(), {.packsPerClass = 50}).superseded.empty());
  for (fs::path pack : packs())
    std::ofstream(pack.replace_extension(".keep")).flush();
  EXPECT_TRUE(consolidatePacks(repository(), {.packsPerClass = 2}).superseded.empty());
}

TEST_P(ConsolidateTest, StopsWhenAsked) {
  std::stop_source stop;
  stop.request_stop();
  const std::size_t count = packs().size();
  try {
    consolidatePacks(repository(), {.packsPerClass = 2, .stop = stop.get_token()});
    ADD_FAILURE() << "it was not stopped";
  } catch (const base::Error& error) {
    EXPECT_EQ(error.code(), base::Errc::cancelled);
  }
  EXPECT_EQ(packs().size(), count);
  for (const auto& entry : fs::directory_iterator(folder_ / ".git/objects/pack"))
    EXPECT_FALSE(entry.path().filename().string().starts_with("tmp_")) << entry.path();
}

TEST_P(ConsolidateTest, ADamagedPackIsNotPassedOn) {
  for (const fs::path& pack : packs()) {
    fs::permissions(pack, fs::perms::owner_write, fs::perm_options::add);
    std::fstream file(pack, std::ios::in | std::ios::out | std::ios::binary);
    file.seekg(40);
    const auto byte = static_cast<char>(file.get() ^ 1);
    file.seekp(40);
    file.put(byte);
  }
  const std::size_t count = packs().size();
  EXPECT_THROW(consolidatePacks(repository(), {.packsPerClass = 2}), base::Error);
  EXPECT_EQ(packs().size(), count);
}

TEST_P(ConsolidateTest, AKillAtAnyWriteLosesNothing) {
  if (!testing_support::canKill()) GTEST_SKIP() << "ptrace is not allowed here";
  const auto before = sorted(allObjects());
  for (int step = 1;; ++step) {
    const auto result = testing_support::runAndKill(step, [&] {
      removeSuperseded(consolidatePacks(repository(), {.packsPerClass = 2}));
      return 0;
    });
    EXPECT_EQ(sorted(allObjects()), before) << "killed at step " << step;
    if (step % 4 == 1) git_({"fsck", "--full", "--strict"});
    if (!result.killed) break;
    ASSERT_LT(step, 200);
  }
}

/// libgit2 reads SHA-1 only.
class SecondReaderTest : public ConsolidateTest {};

TEST_P(SecondReaderTest, FindsWhatIsDamaged) {
  git_({"repack", "-q", "-a", "-d"});
  const fs::path pack = packs().front();
  const fs::path index = fs::path(pack).replace_extension(".idx");
  const std::uint64_t objects = verifyPack(index, {});
  EXPECT_EQ(objects, sorted(allObjects()).size());
  fs::permissions(pack, fs::perms::owner_write, fs::perm_options::add);
  std::fstream file(pack, std::ios::in | std::ios::out | std::ios::binary);
  file.seekp(static_cast<std::streamoff>(fs::file_size(pack) / 2));
  file.put('!').put('?');
  file.close();
  EXPECT_THROW(verifyPack(index, {}), base::Error);
  std::stop_source stop;
  stop.request_stop();
  EXPECT_THROW(verifyPack(index, stop.get_token()), base::Error);
}

INSTANTIATE_TEST_SUITE_P(Sha1, SecondReaderTest, ::testing::Values(ObjectFormat::sha1));
INSTANTIATE_TEST_SUITE_P(Formats, ConsolidateTest,
                         ::testing::Values(ObjectFormat::sha1, ObjectFormat::sha256),
                         [](const auto& format) { return std::string(name(format.param)); });

}  // namespace
}  // namespace git
