// What a push may lean on: an object that no ref leads to is as good as not there, whoever names it.
#include "git/detail/push_reach.h"

#include <gmock/gmock.h>

#include <filesystem>
#include <functional>
#include <regex>

#include "base/atomic_file.h"
#include "base/fd.h"
#include "git/pkt_line.h"
#include "tests/support/temp_folder.h"
#include "tests/unit/git/memory_push.h"
#include "tests/unit/git/pack_builder.h"

namespace git {
namespace {

namespace fs = std::filesystem;
using testing::Delta;
using ::testing::HasSubstr;
using testing::NamedEntry;
using ::testing::Not;
using testing::PackBuilder;

struct Made {
  ObjectType type;
  std::string bytes;
  ObjectId id;
};

/// Ids that a push names; those of objects that are hidden, or of none.
struct Named {
  ObjectId commit;
  ObjectId tree;
  ObjectId blob;
};

class PushReachTest : public ::testing::TestWithParam<ObjectFormat> {
 protected:
  static void SetUpTestSuite() { templates_ = std::make_unique<testing_support::TempFolder>(); }
  static void TearDownTestSuite() { templates_.reset(); }
  PushReachTest() {
    settings_.links = ReceiveSettings::Links::reachable;
    settings_.shallowUpdate = true;
    const fs::path made = *templates_ / std::string(name(GetParam()));
    if (!fs::exists(made)) {
      createRepository(repository_, GetParam());
      // main: first, then what a forced push takes away, then second.
      accept("main", first_, {keep_, top_, dir_, root_, first_});
      accept("main", hidden_, {secret_, secretDir_, hiddenRoot_, hidden_});
      accept("main", second_, {more_, secondDir_, secondRoot_, second_});
      fs::rename(repository_, made);
    }
    fs::copy(made, repository_, fs::copy_options::recursive);
  }

  static Made made(ObjectType type, std::string bytes) {
    const ObjectId id = testing::idOf(type, bytes, GetParam());
    return {type, std::move(bytes), id};
  }
  static Made blob(const std::string& text) { return made(ObjectType::blob, text); }
  static Made tree(const std::vector<NamedEntry>& entries) {
    return made(ObjectType::tree, testing::treeBytes(entries));
  }
  static Made commit(const ObjectId& tree, const std::vector<ObjectId>& parents = {}) {
    return made(ObjectType::commit, testing::commitBytes(tree, parents));
  }
  static NamedEntry file(const std::string& name, const ObjectId& id) { return {"100644", name, id}; }
  static NamedEntry folder(const std::string& name, const ObjectId& id) { return {"40000", name, id}; }

  static std::string pack(const std::vector<Made>& objects) {
    PackBuilder pack(GetParam());
    for (const Made& object : objects)
      pack.add(object.type, object.bytes);
    return pack.bytes();
  }
  ObjectId ref(const std::string& branch) const {
    return RefStore(openBareRepository(repository_))
        .resolve("refs/heads/" + branch)
        .value_or(ObjectId::null(GetParam()));
  }
  /// What the client hears.
  std::string push(const std::string& branch, const ObjectId& tip, const std::string& pack,
                   const std::string& shallow = "") {
    std::string lines = shallow.empty() ? "" : pktLine("shallow " + shallow);
    lines += pktLine(ref(branch).hex() + " " + tip.hex() + " refs/heads/" + branch + std::string(1, '\0') +
                     "report-status object-format=" + std::string(name(GetParam())));
    testing::MemoryWire wire(lines + "0000" + pack);
    testing::AcceptingBackend backend;
    receivePack(wire, openBareRepository(repository_), settings_, backend);
    std::size_t end = 0;  // of the advertisement
    while (const std::size_t length = std::stoul(wire.output.substr(end, 4), nullptr, 16))
      end += length;
    return wire.output.substr(end + 4) + wire.screen;
  }
  void accept(const std::string& branch, const Made& tip, const std::vector<Made>& objects) {
    EXPECT_THAT(push(branch, tip.id, pack(objects)), HasSubstr("ok refs/heads/" + branch));
    EXPECT_EQ(ref(branch), tip.id);
  }
  std::size_t files() const {
    std::size_t count = 0;
    for (const auto& entry : fs::recursive_directory_iterator(repository_))
      count += entry.is_regular_file() ? 1 : 0;
    return count;
  }
  std::string refusal(const ObjectId& tip, const std::string& pack) {
    const std::size_t before = files();
    const std::string heard = push("stolen", tip, pack);
    EXPECT_THAT(heard, HasSubstr("ng refs/heads/stolen "));
    EXPECT_EQ(files(), before);
    EXPECT_TRUE(ref("stolen").isNull());
    static const std::regex kIds("[0-9a-f]{40,64}");
    return std::regex_replace(heard, kIds, "ID");
  }
  /// A push that names what is hidden, and the same that names what is not there: both are refused, nothing
  /// stays, and the pusher cannot tell one from the other.
  std::string expectSameRefusal(const std::function<std::pair<ObjectId, std::string>(const Named&)>& make) {
    const auto [hiddenTip, hiddenPack] = make({hidden_.id, secretDir_.id, secret_.id});
    const auto [absentTip, absentPack] = make({commit(keep_.id).id, tree({}).id, blob("absent").id});
    const std::string heard = refusal(hiddenTip, hiddenPack);
    EXPECT_EQ(heard, refusal(absentTip, absentPack));
    return heard;
  }

  const Made keep_ = blob("keep");
  const Made top_ = blob("top");
  const Made dir_ = tree({file("keep", keep_.id)});
  const Made root_ = tree({folder("dir", dir_.id), file("top", top_.id)});
  const Made first_ = commit(root_.id);
  const Made secret_ = blob("secret, and long enough to be worth a delta");
  const Made secretDir_ = tree({file("secret", secret_.id)});
  const Made hiddenRoot_ = tree({folder("dir", dir_.id), folder("hidden", secretDir_.id)});
  const Made hidden_ = commit(hiddenRoot_.id, {first_.id});
  const Made more_ = blob("more");
  const Made secondDir_ = tree({file("keep", keep_.id), file("more", more_.id)});
  const Made secondRoot_ = tree({folder("dir", secondDir_.id)});
  const Made second_ = commit(secondRoot_.id, {first_.id});

  static inline std::unique_ptr<testing_support::TempFolder> templates_;
  testing_support::TempFolder folder_;
  fs::path repository_ = folder_ / "r.git";
  ReceiveSettings settings_;
};

TEST_P(PushReachTest, AHiddenFile) {
  const std::string heard = expectSameRefusal([&](const Named& named) {
    const Made root = tree({file("stolen", named.blob)});
    const Made tip = commit(root.id, {second_.id});
    return std::pair(tip.id, pack({root, tip}));
  });
  EXPECT_THAT(heard, HasSubstr("missing object ID, which ID needs"));
  // Beside what may be named, and many levels down.
  expectSameRefusal([&](const Named& named) {
    const Made inner = tree({file("keep", keep_.id), file("stolen", named.blob)});
    const Made outer = tree({folder("a", inner.id), folder("dir", secondDir_.id)});
    const Made tip = commit(outer.id, {second_.id, first_.id});
    return std::pair(tip.id, pack({inner, outer, tip}));
  });
}

TEST_P(PushReachTest, AHiddenFolder) {
  expectSameRefusal([&](const Named& named) {
    const Made root = tree({folder("hidden", named.tree)});
    const Made tip = commit(root.id, {second_.id});
    return std::pair(tip.id, pack({root, tip}));
  });
  expectSameRefusal([&](const Named& named) {
    const Made tip = commit(named.tree, {second_.id});
    return std::pair(tip.id, pack({tip}));
  });
}

TEST_P(PushReachTest, AHiddenCommit) {
  expectSameRefusal([&](const Named& named) {
    const Made tip = commit(root_.id, {named.commit});
    return std::pair(tip.id, pack({tip}));
  });
  expectSameRefusal([&](const Named& named) {
    const Made tag = made(ObjectType::tag, "object " + named.commit.hex() +
                                               "\ntype commit\ntag v1\ntagger A <a@b> 1 +0000\n\nx\n");
    return std::pair(tag.id, pack({tag}));
  });
}

TEST_P(PushReachTest, AHiddenObjectAsNewValueOfARef) {
  const std::string heard =
      expectSameRefusal([&](const Named& named) { return std::pair(named.commit, pack({})); });
  EXPECT_THAT(heard, HasSubstr("missing necessary objects"));
  expectSameRefusal([&](const Named& named) { return std::pair(named.blob, pack({keep_})); });
}

TEST_P(PushReachTest, AHiddenBaseOfADelta) {
  const auto withDelta = [&](const Delta& delta, const std::string& result) {
    return [this, delta, result](const Named& named) {
      const Made root = tree({file("stolen", blob(result).id)});
      const Made tip = commit(root.id, {second_.id});
      PackBuilder pack(GetParam());
      pack.add(tip.type, tip.bytes);
      pack.add(root.type, root.bytes);
      pack.addIdDelta(named.blob, delta);
      return std::pair(tip.id, pack.bytes());
    };
  };
  const auto size = static_cast<std::uint32_t>(secret_.bytes.size());
  const std::string heard = expectSameRefusal(withDelta(Delta(size, size).copy(0, size), secret_.bytes));
  EXPECT_THAT(heard, HasSubstr("pack has unresolved deltas"));
  expectSameRefusal(withDelta(Delta(size, 6).copy(0, 6), "secret"));
  // What goes wrong with it would tell its size, or what is in it.
  expectSameRefusal(withDelta(Delta(size + 1, 6).copy(0, 6), "secret"));
  expectSameRefusal(withDelta(Delta(size, 6).copy(0, 6), "public"));
  settings_.limits.objectBytes.value = 20;
  expectSameRefusal(withDelta(Delta(size, 6).copy(0, 6), "secret"));
}

TEST_P(PushReachTest, ATreeMadeOfAHiddenOne) {
  const auto size = static_cast<std::uint32_t>(secretDir_.bytes.size());
  // Bad in itself, or a warning of it, or with a link of the wrong kind.
  for (const NamedEntry& each : {file(".git", keep_.id), file("a", dir_.id), folder("a", keep_.id)}) {
    const std::string entry = testing::treeBytes({each});
    expectSameRefusal([&](const Named& named) {
      PackBuilder pack(GetParam());
      pack.add(ObjectType::blob, keep_.bytes);
      pack.add(ObjectType::tree, dir_.bytes);
      pack.addIdDelta(named.tree, Delta(size, entry.size()).insert(entry));
      const Made tip = commit(made(ObjectType::tree, entry).id, {second_.id});
      pack.add(tip.type, tip.bytes);
      return std::pair(tip.id, pack.bytes());
    });
  }
}

TEST_P(PushReachTest, HiddenSubmodules) {
  // Its content would be checked, and the answer would tell of it.
  const Made modules = blob("[submodule \"a\"]\n\turl = -u./payload\n");
  const Made root = tree({file("not-modules", modules.id)});
  const Made tip = commit(root.id, {second_.id});
  accept("other", tip, {modules, root, tip});
  accept("other", second_, {});
  const auto naming = [&](const ObjectId& id) {
    const Made stolen = tree({file(".gitmodules", id)});
    const Made top = commit(stolen.id, {second_.id});
    return std::pair(top.id, pack({stolen, top}));
  };
  const auto [hiddenTip, hiddenPack] = naming(modules.id);
  const auto [absentTip, absentPack] = naming(blob("absent").id);
  const std::string heard = refusal(hiddenTip, hiddenPack);
  EXPECT_EQ(heard, refusal(absentTip, absentPack));
  EXPECT_THAT(heard, HasSubstr("missing object ID, which ID needs"));
  // Where it can be read it is checked.
  accept("other", tip, {tip, root, modules});
  EXPECT_THAT(refusal(hiddenTip, hiddenPack), HasSubstr("gitmodulesUrl"));
}

TEST_P(PushReachTest, AHiddenObjectOfAnotherKind) {
  expectSameRefusal([&](const Named& named) {
    const Made root = tree({file("a", named.tree)});
    const Made tip = commit(root.id, {second_.id});
    return std::pair(tip.id, pack({root, tip}));
  });
  const Made root = tree({file("a", dir_.id)});
  const Made tip = commit(root.id, {second_.id});
  EXPECT_THAT(refusal(tip.id, pack({root, tip})), HasSubstr("is named as a blob and is a tree"));
}

/// Cut off above what is hidden, a history would grow it when it is stored.
TEST_P(PushReachTest, AShallowPushDoesNotLeadToHiddenParents) {
  accept("kept", second_, {});
  const Made tip = commit(root_.id, {hidden_.id});
  EXPECT_THAT(push("cut", tip.id, pack({tip}), tip.id.hex()), HasSubstr("ok refs/heads/cut"));
  EXPECT_EQ(base::readFile(repository_ / "shallow"), tip.id.hex() + "\n");
  // A hidden commit that comes again, without its parents.
  const Made child = commit(hiddenRoot_.id, {hidden_.id});
  accept("main", child, {secret_, secretDir_, hiddenRoot_, hidden_, child});
  const Made grandchild = commit(root_.id, {child.id});
  accept("main", grandchild, {grandchild});
  accept("main", second_, {});
  EXPECT_THAT(push("again", grandchild.id, pack({secret_, secretDir_, hiddenRoot_, child, grandchild}),
                   child.id.hex()),
              HasSubstr("ok refs/heads/again"));
  EXPECT_THAT(base::readFile(repository_ / "shallow"), HasSubstr(child.id.hex()));
  // With parents that can be read nothing is cut.
  const Made whole = commit(root_.id, {second_.id});
  EXPECT_THAT(push("whole", whole.id, pack({whole}), whole.id.hex()), HasSubstr("ok refs/heads/whole"));
  EXPECT_THAT(base::readFile(repository_ / "shallow"), Not(HasSubstr(whole.id.hex())));
}

TEST_P(PushReachTest, WhatHiddenRefsLeadToIsHidden) {
  accept("private", hidden_, {secret_, secretDir_, hiddenRoot_, hidden_});
  settings_.hiddenRefs = HiddenRefs({"refs/heads/private"});
  expectSameRefusal([&](const Named& named) { return std::pair(named.commit, pack({})); });
  settings_.hiddenRefs = {};
  accept("open", hidden_, {});
}

TEST_P(PushReachTest, TakesWhatHistoryHolds) {
  // A file of the first commit, where the branch has none any more.
  const Made back = tree({folder("dir", secondDir_.id), file("top", top_.id)});
  const Made revert = commit(back.id, {second_.id});
  accept("main", revert, {back, revert});
  // A whole tree of it, and a folder under another name.
  const Made same = commit(root_.id, {revert.id});
  accept("main", same, {same});
  const Made moved = tree({folder("elsewhere", secondDir_.id)});
  const Made move = commit(moved.id, {same.id});
  accept("main", move, {moved, move});
  // A branch from there, the next commit of it, and a merge of both.
  accept("side", first_, {});
  const Made sideRoot = tree({file("more", more_.id)});
  const Made side = commit(sideRoot.id, {first_.id});
  accept("side", side, {sideRoot, side});
  const Made mergedRoot = tree({folder("elsewhere", secondDir_.id), file("more", more_.id)});
  const Made merge = commit(mergedRoot.id, {move.id, side.id});
  accept("main", merge, {mergedRoot, merge});
  // Back to what is older, with something on top.
  const Made amended = commit(sideRoot.id, {second_.id});
  accept("main", amended, {amended});
}

/// Files that moved out of a folder that is gone, and chains of commits of which each keeps other things.
TEST_P(PushReachTest, TakesWhatMoved) {
  const Made inner = tree({file("deep", keep_.id), file("more", more_.id)});
  const Made outer = tree({folder("inner", inner.id)});
  const Made start = tree({folder("gone", outer.id), folder("stays", secondDir_.id)});
  const Made one = commit(start.id, {second_.id});
  accept("main", one, {inner, outer, start, one});
  const Made target = tree({file("deeper", keep_.id)});
  const Made now = tree({folder("new", target.id), folder("stays", secondDir_.id)});
  const Made two = commit(now.id, {one.id});
  const Made change = tree({file("keep", keep_.id)});
  const Made later = tree({folder("new", target.id), folder("stays", change.id)});
  const Made three = commit(later.id, {two.id});
  const Made undone = commit(now.id, {three.id});
  accept("main", undone, {undone, three, later, change, two, now, target});
}

TEST_P(PushReachTest, TakesDeltasOfWhatCanBeRead) {
  const Made root = tree({file("top", blob("topping").id)});
  const Made tip = commit(root.id, {second_.id});
  PackBuilder pack(GetParam());
  pack.add(tip.type, tip.bytes);
  pack.add(root.type, root.bytes);
  pack.addIdDelta(top_.id, Delta(3, 7).copy(0, 3).insert("ping"));
  EXPECT_THAT(push("main", tip.id, pack.bytes()), HasSubstr("ok refs/heads/main"));
  // What is wrong with it is told.
  PackBuilder bad(GetParam());
  bad.addIdDelta(top_.id, Delta(4, 4).copy(0, 4));
  EXPECT_THAT(refusal(blob("topp").id, bad.bytes()), HasSubstr("does not fit its base"));
}

TEST_P(PushReachTest, TakesWhatWasHiddenFromWhoBringsIt) {
  accept("main", hidden_, {secret_, secretDir_, hiddenRoot_, hidden_});
}

TEST_P(PushReachTest, TakesWhatAlternatesLeadTo) {
  const fs::path borrower = folder_ / "borrower.git";
  createRepository(borrower, GetParam());
  fs::create_directories(borrower / "objects/info");
  base::writeFileAtomically(borrower / "objects/info/alternates", (repository_ / "objects").string() + "\n");
  repository_ = borrower;
  const Made tip = commit(root_.id, {second_.id});
  accept("main", tip, {tip});
  expectSameRefusal([&](const Named& named) { return std::pair(named.commit, pack({})); });
}

class CrowdedPushTest : public PushReachTest {};

/// More links than a list is kept of.
TEST_P(CrowdedPushTest, ManyLinks) {
  // Links with such ids share a list that holds 4096 and two for each object.
  std::vector<NamedEntry> entries;
  std::vector<Made> blobs;
  for (int i = 0; blobs.size() < 4300; ++i) {
    Made each = blob(std::to_string(i));
    if (each.id.data()[7] % 16 != 0) continue;
    entries.push_back(file("f" + std::to_string(1'000'000 + i), each.id));
    blobs.push_back(std::move(each));
  }
  const Made root = tree(entries);
  const Made tip = commit(root.id, {second_.id});
  blobs.push_back(root);
  blobs.push_back(tip);
  accept("main", tip, blobs);
  entries.push_back(file("top", top_.id));
  const Made wider = tree(entries);
  const Made next = commit(wider.id, {tip.id});
  accept("main", next, {wider, next});
  // Of what is not in their commits any more.
  accept("main", second_, {});
  const std::string heard = refusal(next.id, pack({wider, next}));
  EXPECT_THAT(heard, HasSubstr("missing object"));
  const Made orphan = commit(wider.id, {second_.id});
  EXPECT_THAT(refusal(orphan.id, pack({wider, orphan})), HasSubstr("missing objects: the pack names some"));
  // Who brings them leans on nobody.
  std::vector<Made> all(blobs.begin(), blobs.end() - 2);
  all.push_back(wider);
  all.push_back(orphan);
  accept("main", orphan, all);
}

TEST_P(PushReachTest, TheSearchHasItsTime) {
  const RefStore refs(openBareRepository(repository_));
  const ObjectDatabase objects({.objects = repository_ / "objects", .quarantine = {}, .format = GetParam()});
  detail::OutsideObjects bases(GetParam());
  bases.add(secret_.id.data(), {.role = detail::OutsideObjects::base});
  EXPECT_FALSE(detail::PushReach({refs, settings_, {}, objects, {}}).mayUse(bases));
  settings_.limits.unpackSeconds.value = 0;
  try {
    detail::PushReach({refs, settings_, {}, objects, {}}).mayUse(bases);
    ADD_FAILURE() << "searched without end";
  } catch (const base::Error& error) {
    EXPECT_THAT(error.what(), HasSubstr("pack_unpack_max_s"));
  }
}

INSTANTIATE_TEST_SUITE_P(Sha1, CrowdedPushTest, ::testing::Values(ObjectFormat::sha1));
INSTANTIATE_TEST_SUITE_P(Formats, PushReachTest, ::testing::Values(ObjectFormat::sha1, ObjectFormat::sha256),
                         [](const auto& tested) { return std::string(name(tested.param)); });

}  // namespace
}  // namespace git
