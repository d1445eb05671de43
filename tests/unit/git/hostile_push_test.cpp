// What strangers may send as a push, each kind of harm once: refused with a sentence, in bounded memory, with
// nothing left on the disk.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <set>

#include "base/atomic_file.h"
#include "base/error.h"
#include "base/fd.h"
#include "git/pkt_line.h"
#include "git/receive_pack.h"
#include "tests/support/temp_folder.h"
#include "tests/unit/git/memory_push.h"
#include "tests/unit/git/pack_builder.h"

namespace git {
namespace {

namespace fs = std::filesystem;
using testing::AcceptingBackend;
using ::testing::AllOf;
using testing::commitBytes;
using testing::compressed;
using testing::Delta;
using ::testing::HasSubstr;
using testing::idOf;
using testing::MemoryWire;
using testing::PackBuilder;
using ::testing::StartsWith;
using testing::treeBytes;

#ifdef __SANITIZE_ADDRESS__
constexpr std::size_t kStride = 5;  // every receiver's buffers are slow to get
#else
constexpr std::size_t kStride = 1;
#endif

std::uint64_t memoryKib(const std::string& what) {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with(what)) return std::stoull(line.substr(what.size() + 1));
  }
  return 0;
}

class HostilePushTest : public ::testing::Test {
 protected:
  HostilePushTest() { createRepository(repository_); }

  const std::string none_ = std::string(40, '0');
  std::string command(const std::string& ref, const std::string& newId, const std::string& oldId) const {
    return oldId + " " + newId + " " + ref;
  }
  /// A push that makes a branch.
  std::string request(const ObjectId& tip, const std::string& pack) const {
    return pktLine(command("refs/heads/main", tip.hex(), none_) + std::string(1, '\0') + "report-status") +
           "0000" + pack;
  }

  /// Everything that the client hears, the sentence of a thrown refusal included.
  std::string serve(const std::string& input) {
    MemoryWire wire(input);
    AcceptingBackend backend;
#ifndef __SANITIZE_ADDRESS__
    std::ofstream("/proc/self/clear_refs") << "5";  // the peak starts anew
#endif
    const std::uint64_t before = memoryKib("VmRSS:");
    const auto start = std::chrono::steady_clock::now();
    try {
      receivePack(wire, openBareRepository(repository_), settings_, backend);
    } catch (const base::Error& error) {
      EXPECT_EQ(error.code(), base::Errc::invalidArgument) << error.what();
      wire.output.append("fatal: ").append(error.what());
    }
    const auto took = std::chrono::steady_clock::now() - start;
    const std::uint64_t peak = memoryKib("VmHWM:") - std::min(before, memoryKib("VmHWM:"));
    slowestMs_ = std::max(slowestMs_, std::chrono::duration<double, std::milli>(took).count());
    largestKib_ = std::max(largestKib_, peak);
    return wire.output.substr(wire.output.find("\n0000") + 5) + wire.screen;
  }

  /// Refused, and nothing of it stays.
  std::string refusal(const std::string& input) {
    std::string heard = serve(input);
    EXPECT_TRUE(heard.find("ng refs/heads/main ") != std::string::npos || heard.starts_with("fatal: "))
        << heard;
    EXPECT_FALSE(fs::exists(repository_ / "quarantine") && !fs::is_empty(repository_ / "quarantine"));
    EXPECT_TRUE(!fs::exists(repository_ / "objects/pack") || fs::is_empty(repository_ / "objects/pack"));
    EXPECT_FALSE(RefStore(openBareRepository(repository_)).resolve("refs/heads/main"));
    return heard;
  }
  std::string refusedPack(const PackBuilder& pack, std::uint32_t count = 0) {
    return refusal(request(tip_, pack.bytes(count)));
  }
  std::string refusedTree(const std::string& tree) {
    const std::string commit = commitBytes(idOf(ObjectType::tree, tree));
    PackBuilder pack;
    pack.add(ObjectType::blob, "x");
    pack.add(ObjectType::tree, tree);
    pack.add(ObjectType::commit, commit);
    return refusal(request(idOf(ObjectType::commit, commit), pack.bytes()));
  }

  void TearDown() override {
    RecordProperty("slowest_ms", std::to_string(slowestMs_));
    RecordProperty("largest_kib", std::to_string(largestKib_));
#ifndef __SANITIZE_ADDRESS__
    EXPECT_LT(largestKib_, 64u << 10);
#endif
  }

  testing_support::TempFolder folder_;
  fs::path repository_ = folder_ / "r.git";
  ReceiveSettings settings_;
  ObjectId tip_ = idOf(ObjectType::blob, "what the branch shall say");
  double slowestMs_ = 0;
  std::uint64_t largestKib_ = 0;
};

// A few bytes that inflate to many are given up at the size that the entry says, or that the limit allows.
TEST_F(HostilePushTest, BytesThatInflateToMany) {
  const std::string zeros = compressed(std::string(16u << 20, '\0'));
  PackBuilder lies;
  lies.addRaw(3, 5, zeros);
  EXPECT_THAT(refusedPack(lies), HasSubstr("longer than it says"));
  PackBuilder claims;
  claims.addRaw(3, std::uint64_t{1} << 40, zeros);
  EXPECT_THAT(refusedPack(claims), HasSubstr("object_max_bytes"));
  PackBuilder tree;
  tree.addRaw(2, 64u << 20, compressed(std::string(64u << 20, '\0')));
  EXPECT_THAT(refusedPack(tree), HasSubstr("tree_max_bytes"));
  settings_.limits.unpackedBytes.value = 40u << 20;
  PackBuilder many;
  for (int i = 0; i < 4; ++i)
    many.addRaw(3, 16u << 20, zeros);
  EXPECT_THAT(refusedPack(many), HasSubstr("pack_unpacked_max_bytes"));
}

// Each delta doubles its base: forty of them say a terabyte.
TEST_F(HostilePushTest, DeltasThatDouble) {
  PackBuilder pack;
  std::uint64_t size = 1024;
  std::uint64_t at = pack.add(ObjectType::blob, std::string(size, 'a'));
  for (int i = 0; i < 40; ++i, size *= 2) {
    Delta delta(size, size * 2);
    for (std::uint64_t done = 0; done < size * 2 && done < (64u << 20);
         done += std::min<std::uint64_t>(size, 1u << 20))
      delta.copy(0, static_cast<std::uint32_t>(std::min<std::uint64_t>(size, 1u << 20)));
    at = pack.addOffsetDelta(at, delta);
  }
  EXPECT_LT(pack.size(), 16u << 10);
  EXPECT_THAT(refusedPack(pack), HasSubstr("object_max_bytes"));
  // The same below that limit, many times over.
  PackBuilder wide;
  const std::uint64_t base = wide.add(ObjectType::blob, std::string(1u << 20, 'a'));
  for (int i = 0; i < 60; ++i) {
    Delta delta(1u << 20, 48u << 20);
    for (int copies = 0; copies < 48; ++copies)
      delta.copy(0, (1u << 20) - 1).raw(std::string("\x01") + static_cast<char>(i));
    wide.addOffsetDelta(base, delta);
  }
  EXPECT_THAT(refusedPack(wide), HasSubstr("pack_unpacked_max_ratio"));
}

TEST_F(HostilePushTest, LongChainsOfDeltas) {
  PackBuilder byOffset;
  std::uint64_t at = byOffset.add(ObjectType::blob, "a0000");
  for (int i = 0; i < 5000; ++i)
    at = byOffset.addOffsetDelta(at, Delta(5, 5).insert(std::to_string(10000 + i)));
  EXPECT_THAT(refusedPack(byOffset), HasSubstr("pack_max_delta_depth"));
  // By name, the last of the chain first: known only when all is there.
  PackBuilder byName;
  for (int i = 5000; i > 0; --i)
    byName.addIdDelta(idOf(ObjectType::blob, std::to_string(9999 + i)),
                      Delta(5, 5).insert(std::to_string(10000 + i)));
  byName.add(ObjectType::blob, "10000");
  EXPECT_THAT(refusedPack(byName), HasSubstr("pack_max_delta_depth"));
}

TEST_F(HostilePushTest, DeltasInACircleAndToNothing) {
  PackBuilder circle;
  for (int i = 0; i < 100; ++i)
    circle.addIdDelta(idOf(ObjectType::blob, std::to_string(100 + i)),
                      Delta(3, 3).insert(std::to_string(100 + (i + 1) % 100)));
  EXPECT_THAT(refusedPack(circle), HasSubstr("100 unresolved deltas"));
  PackBuilder nowhere;
  nowhere.addIdDelta(idOf(ObjectType::blob, "not here"), Delta(8, 1).copy(0, 1));
  EXPECT_THAT(refusedPack(nowhere), HasSubstr("1 unresolved deltas"));
}

TEST_F(HostilePushTest, CountsThatLie) {
  PackBuilder pack;
  pack.add(ObjectType::blob, "one");
  pack.add(ObjectType::blob, "two");
  EXPECT_THAT(refusedPack(pack, 1), HasSubstr("unpack the pack"));
  EXPECT_THAT(refusedPack(pack, 3), HasSubstr("unpack the pack"));
  EXPECT_THAT(refusedPack(pack, 9'999'999), HasSubstr("unpack the pack"));
  EXPECT_THAT(refusedPack(pack, 0xffffffffu), HasSubstr("pack_max_objects"));
}

TEST_F(HostilePushTest, CutAnywhereAndFollowedByMore) {
  PackBuilder pack;
  const std::uint64_t base = pack.add(ObjectType::blob, "what the branch shall say");
  pack.addOffsetDelta(base, Delta(25, 4).copy(0, 4));
  pack.addIdDelta(idOf(ObjectType::blob, "what"), Delta(4, 3).copy(1, 3));
  const std::string bytes = pack.bytes();
  for (std::size_t length = 0; length < bytes.size(); length += kStride) {
    SCOPED_TRACE(length);
    EXPECT_THAT(refusal(request(tip_, bytes.substr(0, length))), HasSubstr("unpack "));
  }
  EXPECT_THAT(refusal(request(tip_, bytes + "x")), HasSubstr("bytes behind the pack"));
  for (std::size_t at = 0; at < bytes.size(); at += kStride) {
    SCOPED_TRACE(at);
    std::string flipped = bytes;
    flipped[at] = static_cast<char>(flipped[at] ^ 0x10);
    EXPECT_THAT(refusal(request(tip_, flipped)), HasSubstr("unpack "));
  }
  EXPECT_THAT(serve(request(tip_, bytes)), HasSubstr("ok refs/heads/main"));
}

TEST_F(HostilePushTest, TreesThatNoCheckoutMaySee) {
  const ObjectId blob = idOf(ObjectType::blob, "x");
  const auto one = [&](const std::string& name, const std::string& mode = "100644") {
    return treeBytes({{mode, name, blob}});
  };
  const std::string null(20, '\0');
  const std::vector<std::pair<std::string, std::string>> cases = {
      {one(".git"), "hasDotgit"},
      {one(".GiT"), "hasDotgit"},
      {one("git~1"), "hasDotgit"},
      {one(".g\u200cit"), "hasDotgit"},
      {one(".git::$INDEX_ALLOCATION"), "hasDotgit"},
      {one("."), "hasDot"},
      {one(".."), "hasDotdot"},
      {one("../x"), "fullPathname"},
      {one("a/b"), "fullPathname"},
      {one("/etc/passwd"), "fullPathname"},
      {one(".gitmodules", "120000"), "gitmodulesSymlink"},
      {one(std::string(5000, 'a')), "largePathname"},
      {one("a", "10064x"), "badTree"},
      {treeBytes({{"100644", "a", blob}, {"100644", "a", blob}}), "duplicateEntries"},
      {treeBytes({{"100644", "b", blob}, {"100644", "a", blob}}), "treeNotSorted"},
      {std::string("100644 a\0", 9) + null, "nullSha1"},
      {std::string("100644 \0", 8) + std::string(20, 'x'), "badTree"},
      {std::string("100644 a\0", 9), "badTree"},
      {"100644", "badTree"},
  };
  for (const auto& [tree, id] : cases) {
    SCOPED_TRACE(id);
    EXPECT_THAT(refusedTree(tree),
                AllOf(HasSubstr("object " + idOf(ObjectType::tree, tree).hex()), HasSubstr(id)));
  }
}

TEST_F(HostilePushTest, SubmodulesThatRunSomething) {
  for (const std::string line :
       {"url = -u./payload", "path = -x", "update = !sh", "url = http://a%0ahost=b/"}) {
    SCOPED_TRACE(line);
    const std::string text = "[submodule \"a\"]\n\t" + line + "\n";
    const std::string tree = treeBytes({{"100644", ".gitmodules", idOf(ObjectType::blob, text)}});
    const std::string commit = commitBytes(idOf(ObjectType::tree, tree));
    PackBuilder pack;
    pack.add(ObjectType::blob, text);
    pack.add(ObjectType::tree, tree);
    pack.add(ObjectType::commit, commit);
    EXPECT_THAT(refusal(request(idOf(ObjectType::commit, commit), pack.bytes())),
                HasSubstr(idOf(ObjectType::blob, text).hex() + ": gitmodules"));
  }
}

TEST_F(HostilePushTest, HistoryWithHoles) {
  const std::string blob = "x";
  const std::string tree = treeBytes({{"100644", "a", idOf(ObjectType::blob, blob)}});
  const std::string parent = commitBytes(idOf(ObjectType::tree, tree));
  const std::string commit = commitBytes(idOf(ObjectType::tree, tree), {idOf(ObjectType::commit, parent)});
  const auto without = [&](const std::string& left) {
    PackBuilder pack;
    for (const auto& [type, bytes] :
         {std::pair(ObjectType::blob, blob), std::pair(ObjectType::tree, tree),
          std::pair(ObjectType::commit, parent), std::pair(ObjectType::commit, commit)}) {
      if (bytes != left) pack.add(type, bytes);
    }
    return refusal(request(idOf(ObjectType::commit, commit), pack.bytes()));
  };
  EXPECT_THAT(without(blob), HasSubstr("missing object " + idOf(ObjectType::blob, blob).hex() + ", which " +
                                       idOf(ObjectType::tree, tree).hex() + " needs"));
  EXPECT_THAT(without(tree), HasSubstr("missing object " + idOf(ObjectType::tree, tree).hex()));
  EXPECT_THAT(without(parent), HasSubstr("missing object " + idOf(ObjectType::commit, parent).hex()));
  EXPECT_THAT(without(commit), HasSubstr("ng refs/heads/main missing necessary objects"));
  // A link that leads to an object of another kind.
  const std::string wrong = commitBytes(idOf(ObjectType::blob, blob));
  PackBuilder pack;
  pack.add(ObjectType::blob, blob);
  pack.add(ObjectType::commit, wrong);
  EXPECT_THAT(refusal(request(idOf(ObjectType::commit, wrong), pack.bytes())), HasSubstr("unpack "));
}

TEST_F(HostilePushTest, ManyCommands) {
  std::string many;
  for (int i = 0; i < 65'000; ++i)
    many += pktLine(command("refs/heads/b" + std::to_string(i), tip_.hex(), none_) +
                    (i == 0 ? std::string(1, '\0') + "report-status" : ""));
  settings_.commands.value = 1000;
  EXPECT_THAT(refusal(many + "0000"), AllOf(HasSubstr("1000"), HasSubstr("push_max_commands")));
  settings_.commands.value = 100'000;
  EXPECT_THAT(refusal(many + "0000"), HasSubstr("push_max_command_bytes"));
  // Allowed, and each refused by itself.
  settings_.commandBytes.value = 16u << 20;
  settings_.refs.value = 10;
  const std::string heard = serve(many + "0000" + PackBuilder().bytes());
  EXPECT_THAT(heard, HasSubstr("ng refs/heads/b64999 the repository would have more than 10 refs (setting "
                               "repository_max_refs)"));
}

TEST_F(HostilePushTest, RefsThatAreNone) {
  PackBuilder pack;
  pack.add(ObjectType::blob, "what the branch shall say");
  for (const std::string name :
       {"main", "HEAD", "refs/../../etc/passwd", "refs/heads/a.lock", "refs/heads/a..b", "refs/heads/@{u}",
        "refs/heads/a b", "refs/heads/.a", "refs/heads/a/", "refs/heads//a", "refs/heads/a\\b",
        "refs/heads/a\x7f", "refs/heads/-\x01", "refs/heads/a~1", "/refs/heads/a", "refs/heads/a."}) {
    SCOPED_TRACE(name);
    const std::string heard =
        serve(pktLine(command(name, tip_.hex(), none_) + std::string(1, '\0') + "report-status") + "0000" +
              pack.bytes());
    EXPECT_THAT(heard, HasSubstr("funny refname"));
  }
  const std::string longName = "refs/heads/" + std::string(300, 'a');
  EXPECT_THAT(serve(pktLine(command(longName, tip_.hex(), none_) + std::string(1, '\0') + "report-status") +
                    "0000" + pack.bytes()),
              HasSubstr("funny refname"));
  EXPECT_FALSE(fs::exists(repository_ / "quarantine") && !fs::is_empty(repository_ / "quarantine"));
}

TEST_F(HostilePushTest, RefsInEachOthersWay) {
  PackBuilder pack;
  pack.add(ObjectType::blob, "what the branch shall say");
  const std::string heard =
      serve(pktLine(command("refs/heads/a/b", tip_.hex(), none_) + std::string(1, '\0') + "report-status") +
            pktLine(command("refs/heads/a", tip_.hex(), none_)) +
            pktLine(command("refs/heads/a/b/c", tip_.hex(), none_)) + "0000" + pack.bytes());
  EXPECT_EQ(RefStore(openBareRepository(repository_)).list().size(), 1u) << heard;
  EXPECT_THAT(heard, HasSubstr("ng refs/heads/a"));
}

TEST_F(HostilePushTest, OptionsWithoutEnd) {
  settings_.advertisePushOptions = true;
  const std::string commands = pktLine(command("refs/heads/main", tip_.hex(), none_) + std::string(1, '\0') +
                                       "report-status push-options") +
                               "0000";
  std::string large;
  for (int i = 0; i < 180; ++i)
    large += pktLine(std::string(61'000, 'x'));
  EXPECT_GT(large.size(), 10u << 20);
  EXPECT_THAT(refusal(commands + large + "0000"),
              AllOf(HasSubstr("65536"), HasSubstr("push_max_option_bytes")));
  std::string many;
  for (int i = 0; i < 100'000; ++i)
    many += pktLine("");
  EXPECT_THAT(refusal(commands + many + "0000"), HasSubstr("push_max_option_bytes"));
}

TEST_F(HostilePushTest, WhatIsNoPktLine) {
  const std::string caps = std::string(1, '\0') + "report-status";
  for (const std::string& input :
       {std::string("GET / HTTP/1.1\r\n\r\n"), std::string("0003"), std::string("fff1"), std::string("-001"),
        std::string("00zz"), std::string(100'000, '\0'), std::string(100'000, '\xff'),
        pktLine(command("refs/heads/main", tip_.hex(), none_) + caps) + "0002", pktLine(std::string(90, ' ')),
        pktLine(none_ + none_ + "refs/heads/main"), pktLine("shallow " + none_.substr(1)),
        pktLine("push-cert" + caps)}) {
    SCOPED_TRACE(input.substr(0, 20));
    EXPECT_THAT(refusal(input), StartsWith("fatal: "));
  }
}

TEST_F(HostilePushTest, ManyRefsAreListedAndPushedBeside) {
  PackBuilder pack;
  pack.add(ObjectType::blob, "what the branch shall say");
  std::string packed = "# pack-refs with: peeled fully-peeled sorted \n";
  std::set<std::string> names;
  for (int i = 0; i < 10'000; ++i)
    names.insert("refs/heads/many/b" + std::to_string(i));
  for (const std::string& name : names)
    packed += tip_.hex() + " " + name + "\n";
  base::writeFileAtomically(repository_ / "packed-refs", packed);
  EXPECT_THAT(serve(request(tip_, pack.bytes())), HasSubstr("ok refs/heads/main"));
  EXPECT_EQ(RefStore(openBareRepository(repository_)).list().size(), 10'001u);
}

}  // namespace
}  // namespace git
