#include "git/ref_store.h"

#include <gmock/gmock.h>

#include "base/child_process.h"
#include "base/error.h"
#include "git/detail/packed_refs.h"
#include "git/repository.h"
#include "tests/support/temp_folder.h"

namespace git {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;

class RefStoreTest : public ::testing::TestWithParam<ObjectFormat> {
 protected:
  RefStoreTest() { createRepository(folder_ / "r.git", GetParam()); }

  std::string git(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(),
                     {"git", "-C", folder_ / "r.git", "-c", "user.name=A", "-c", "user.email=a@example.org"});
    std::string out = base::mustRun(arguments);
    if (out.ends_with('\n')) out.pop_back();
    return out;
  }
  ObjectId id(const std::string& hex) { return *ObjectId::parse(GetParam(), hex); }
  std::string commit(const std::string& message) {
    return git({"commit-tree", git({"mktree", "--missing"}), "-m", message});
  }
  static std::vector<std::string> names(const std::vector<Ref>& refs) {
    std::vector<std::string> all;
    for (const Ref& ref : refs)
      all.push_back(ref.name);
    return all;
  }

  testing_support::TempFolder folder_;
};

TEST_P(RefStoreTest, ListsLooseOverPacked) {
  const RefStore store(openBareRepository(folder_ / "r.git"));
  EXPECT_EQ(store.repository().format, GetParam());
  EXPECT_TRUE(store.list().empty());
  const std::string one = commit("one");
  const std::string two = commit("two");
  git({"update-ref", "refs/heads/a/b", one});
  git({"update-ref", "refs/heads/z", one});
  git({"tag", "-a", "-m", "v1", "v1", one});
  git({"pack-refs", "--all"});
  git({"update-ref", "refs/heads/z", two});
  git({"update-ref", "refs/stash", two});
  git({"symbolic-ref", "refs/heads/alias", "refs/heads/z"});
  git({"symbolic-ref", "refs/heads/broken", "refs/heads/none"});
  folder_.write("r.git/refs/heads/rubbish", "not an id\n");
  folder_.write("r.git/refs/heads/x.lock", one + "\n");
  const auto refs = store.list();
  EXPECT_THAT(names(refs), ElementsAre("refs/heads/a/b", "refs/heads/alias", "refs/heads/z", "refs/stash",
                                       "refs/tags/v1"));
  EXPECT_EQ(refs[0].id, id(one));
  EXPECT_TRUE(refs[0].peelKnown);
  EXPECT_FALSE(refs[0].peeled);
  EXPECT_EQ(refs[1].target, "refs/heads/z");
  EXPECT_EQ(refs[1].id, id(two));
  EXPECT_EQ(refs[2].id, id(two));
  EXPECT_FALSE(refs[2].peelKnown);
  EXPECT_EQ(refs[4].peeled, id(one));
  EXPECT_THAT(names(store.list("refs/tags/")), ElementsAre("refs/tags/v1"));
  EXPECT_THAT(names(store.list("refs/heads/a")), ElementsAre("refs/heads/a/b", "refs/heads/alias"));
}

TEST_P(RefStoreTest, ReadsOneAndHead) {
  const RefStore store(openBareRepository(folder_ / "r.git"));
  EXPECT_EQ(store.head().target, "refs/heads/main");
  EXPECT_FALSE(store.head().id);
  EXPECT_FALSE(store.resolve("HEAD"));
  const std::string one = commit("one");
  git({"update-ref", "refs/heads/main", one});
  git({"pack-refs", "--all"});
  EXPECT_EQ(store.resolve("HEAD"), id(one));
  EXPECT_EQ(store.head().id, id(one));
  EXPECT_FALSE(store.read("refs/heads/main/x"));
  EXPECT_EQ(store.resolveName("HEAD"), "refs/heads/main");
  git({"update-ref", "--no-deref", "HEAD", one});
  EXPECT_EQ(store.head().target, "");
  EXPECT_EQ(store.head().id, id(one));
  git({"symbolic-ref", "refs/heads/p", "refs/heads/q"});
  git({"symbolic-ref", "refs/heads/q", "refs/heads/p"});
  EXPECT_THROW(store.resolve("refs/heads/p"), base::Error);
  EXPECT_THROW(store.read("../config"), base::Error);
  folder_.write("r.git/refs/heads/rubbish", "rubbish");
  EXPECT_THROW(store.read("refs/heads/rubbish"), base::Error);
}

TEST_P(RefStoreTest, SeesANewVersionOfPackedRefs) {
  const RefStore store(openBareRepository(folder_ / "r.git"));
  const std::string one = commit("one");
  for (const char* name : {"refs/heads/a", "refs/heads/b"}) {
    git({"update-ref", name, one});
    git({"pack-refs", "--all"});
    EXPECT_EQ(store.resolve(name), id(one));
  }
}

INSTANTIATE_TEST_SUITE_P(Formats, RefStoreTest, ::testing::Values(ObjectFormat::sha1, ObjectFormat::sha256),
                         [](const auto& tested) { return std::string(name(tested.param)); });

TEST(PackedRefs, ToleratesWhatIsNotSorted) {
  const std::string hex(40, 'a');
  const detail::PackedRefs refs(ObjectFormat::sha1, "# pack-refs with: peeled sorted \n" + hex +
                                                        " refs/heads/b\n" + hex + " refs/heads/a\n^" +
                                                        std::string(40, 'b') + "\n");
  ASSERT_NE(refs.find("refs/heads/a"), nullptr);
  EXPECT_TRUE(refs.find("refs/heads/a")->peeled);
  EXPECT_FALSE(refs.find("refs/heads/b")->peeled);
  EXPECT_EQ(refs.find("refs/heads/"), nullptr);
  EXPECT_EQ(refs.below("refs/heads/").size(), 2u);
  EXPECT_FALSE(refs.fullyPeeled());
  for (const std::string& bad : {std::string("rubbish\n"), hex + "\n", "^" + hex + "\n", hex + "  "}) {
    try {
      const detail::PackedRefs damaged(ObjectFormat::sha1, bad);
      EXPECT_EQ(bad, hex + "  ");
    } catch (const base::Error& error) {
      EXPECT_EQ(error.code(), base::Errc::corrupt);
    }
  }
}

}  // namespace
}  // namespace git
