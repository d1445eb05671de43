#include "git/pack_receiver.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <random>
#include <thread>

#include "base/child_process.h"
#include "base/error.h"
#include "base/fd.h"
#include "tests/support/temp_folder.h"
#include "tests/unit/git/pack_builder.h"

namespace git {
namespace {

using testing::commitBytes;
using testing::Delta;

using ::testing::HasSubstr;
using testing::idOf;

using testing::MemorySource;

using testing::PackBuilder;
using testing::treeBytes;

std::string git(const std::filesystem::path& folder, std::vector<std::string> words, std::string input = {}) {
  words.insert(words.begin(), {"git", "-C", folder.string(), "-c", "user.name=A", "-c", "user.email=a@b"});
  std::string out = base::mustRun(words, {.input = std::move(input)});
  if (out.ends_with('\n')) out.pop_back();
  return out;
}

class PackReceiverTest : public ::testing::Test {
 protected:
  PackReceiverTest() {
    std::filesystem::create_directories(pack_);
    options_.emplace(
        PackReceiverOptions{.folder = pack_, .existing = existing_, .limits = {}, .policy = FsckPolicy()});
  }

  std::unique_ptr<PackReceiver> receive(std::string_view bytes, std::size_t step = 1000) {
    auto receiver = std::make_unique<PackReceiver>(*options_);
    while (!bytes.empty()) {
      const std::size_t count = std::min(step, bytes.size());
      if (receiver->append(bytes.substr(0, count)) < count)
        throw base::Error(base::Errc::invalidArgument, "bytes behind the pack");
      bytes.remove_prefix(count);
    }
    summary_ = receiver->finish();
    return receiver;
  }

  /// What it is refused with; empty when it is not. Nothing stays behind.
  std::string refusal(std::string_view bytes) {
    try {
      receive(bytes);
      return {};
    } catch (const base::Error& error) {
      EXPECT_EQ(error.code(), base::Errc::invalidArgument) << error.what();
      EXPECT_TRUE(std::filesystem::is_empty(pack_));
      return error.what();
    }
  }

  testing_support::TempFolder folder_;
  std::filesystem::path pack_ = folder_ / "pack";
  MemorySource existing_;
  std::optional<PackReceiverOptions> options_;
  PackSummary summary_;
};

/// A repository made by git, with deltas of all kinds.
std::filesystem::path makeRepository(const std::filesystem::path& folder, const std::string& format) {
  const auto repository = folder / format;
  base::mustRun({"git", "init", "-q", "-b", "main", "--object-format=" + format, repository.string()});
  std::mt19937 random(3);
  std::filesystem::create_directories(repository / "lib");
  for (int round = 0; round < 4; ++round) {
    for (int file = 0; file < 20; ++file) {
      std::string text;
      for (int line = 0; line < 150; ++line)
        text += "line " + std::to_string((line * 7 + file + (line == round * 5 ? round : 0)) % 1000) + "\n";
      base::writeAll(base::openFile(repository / "lib" / ("f" + std::to_string(file)),
                                    O_WRONLY | O_CREAT | O_TRUNC, 0644),
                     text);
    }
    std::string noise(round == 0 ? 3u << 20 : 10u, '\0');
    for (char& c : noise)
      c = static_cast<char>(random());
    base::writeAll(base::openFile(repository / "noise", O_WRONLY | O_CREAT | O_TRUNC, 0644), noise);
    git(repository, {"add", "-A"});
    git(repository, {"commit", "-q", "-m", "round " + std::to_string(round)});
  }
  git(repository, {"tag", "-a", "-m", "one", "v1"});
  return repository;
}

TEST_F(PackReceiverTest, IndexesAsGitDoes) {
  for (const std::string format : {"sha1", "sha256"}) {
    const auto repository = makeRepository(folder_.path(), format);
    for (const char* deltas : {"--delta-base-offset", "--no-reuse-delta"}) {
      const auto prefix = folder_.path() / (format + deltas);
      const std::string name = git(repository, {"pack-objects", "-q", "--all", deltas, prefix.string()});
      const std::string bytes = base::readFile(prefix.string() + "-" + name + ".pack");
      MemorySource none(*parseObjectFormat(format));
      PackReceiver receiver({.folder = pack_, .existing = none, .limits = {}, .policy = FsckPolicy()});
      for (std::size_t at = 0; at < bytes.size(); at += 5000)
        receiver.append(std::string_view(bytes).substr(at, 5000));
      const PackSummary summary = receiver.finish();
      EXPECT_GT(summary.deltas, 5u);
      ASSERT_TRUE(summary.index);
      EXPECT_EQ(base::readFile(*summary.index), base::readFile(prefix.string() + "-" + name + ".idx"));
      EXPECT_EQ(summary.index->filename(), "pack-" + summary.name->hex() + ".idx");
      const auto tip = ObjectId::parse(*parseObjectFormat(format), git(repository, {"rev-parse", "HEAD"}));
      EXPECT_FALSE(receiver.findMissing({*tip}));
    }
  }
}

TEST_F(PackReceiverTest, EmptyPackLeavesNothing) {
  receive(PackBuilder().bytes());
  EXPECT_FALSE(summary_.index);
  EXPECT_TRUE(std::filesystem::is_empty(pack_));
}

TEST_F(PackReceiverTest, ABaseMayComeLaterAndByNameOnly) {
  PackBuilder pack;
  const std::string base = "the base of two";
  const std::string first = "the base of";
  pack.addIdDelta(idOf(ObjectType::blob, first), Delta(first.size(), 3).copy(0, 3));
  pack.addIdDelta(idOf(ObjectType::blob, base), Delta(base.size(), first.size()).copy(0, 11));
  pack.add(ObjectType::blob, base);
  const auto receiver = receive(pack.bytes(), 1);
  EXPECT_EQ(summary_.deltas, 2u);
  EXPECT_FALSE(receiver->findMissing({idOf(ObjectType::blob, "the")}));
  EXPECT_TRUE(receiver->findMissing({idOf(ObjectType::blob, "thy")}));
}

TEST_F(PackReceiverTest, CompletesAThinPack) {
  const auto repository = folder_ / "bare";
  base::mustRun({"git", "init", "-q", "--bare", repository.string()});
  const std::string old(4000, 'o');
  const ObjectId oldId = existing_.add(ObjectType::blob, old);
  PackBuilder pack;
  const std::uint64_t at =
      pack.addIdDelta(oldId, Delta(old.size(), old.size() + 1).copy(0, 4000).insert("1"));
  pack.addOffsetDelta(at, Delta(old.size() + 1, 1).copy(4000, 1));
  options_->folder = repository / "objects/pack";
  receive(pack.bytes());
  EXPECT_EQ(summary_.basesAdded, 1u);
  EXPECT_EQ(summary_.objects, 2u);
  git(repository, {"fsck", "--full", "--strict"});
  git(repository, {"verify-pack", summary_.index->string()});
  EXPECT_EQ(git(repository, {"cat-file", "-p", idOf(ObjectType::blob, old + "1").hex()}), old + "1");
  EXPECT_EQ(git(repository, {"cat-file", "-t", oldId.hex()}), "blob");
}

TEST_F(PackReceiverTest, ABaseInThePackIsNotTakenFromTheRepository) {
  const std::string a = "first of all";
  const std::string b = "first of a";
  existing_.add(ObjectType::blob, a);
  existing_.add(ObjectType::blob, b);
  PackBuilder pack;
  pack.addIdDelta(idOf(ObjectType::blob, a), Delta(a.size(), b.size()).copy(0, 10));
  pack.addIdDelta(idOf(ObjectType::blob, b), Delta(b.size(), 5).copy(0, 5));
  receive(pack.bytes());
  EXPECT_EQ(summary_.basesAdded, 1u);
}

TEST_F(PackReceiverTest, UnknownBaseIsRefused) {
  PackBuilder pack;
  pack.addIdDelta(idOf(ObjectType::blob, "nowhere"), Delta(7, 1).copy(0, 1));
  EXPECT_THAT(refusal(pack.bytes()), HasSubstr("pack has 1 unresolved deltas"));
}

TEST_F(PackReceiverTest, BasesInACircleAreRefused) {
  PackBuilder pack;
  pack.addIdDelta(idOf(ObjectType::blob, "a"), Delta(1, 1).insert("b"));
  pack.addIdDelta(idOf(ObjectType::blob, "b"), Delta(1, 1).insert("a"));
  EXPECT_THAT(refusal(pack.bytes()), HasSubstr("pack has 2 unresolved deltas"));
}

TEST_F(PackReceiverTest, DamageIsRefused) {
  PackBuilder good;
  good.add(ObjectType::blob, "hello");
  const std::string bytes = good.bytes();
  EXPECT_EQ(refusal(bytes), "");
  std::filesystem::remove_all(pack_);
  std::filesystem::create_directories(pack_);
  EXPECT_THAT(refusal("JUNK" + bytes), HasSubstr("does not begin with PACK"));
  EXPECT_THAT(refusal(bytes.substr(0, bytes.size() - 1)), HasSubstr("ended early"));
  EXPECT_THAT(refusal(bytes + "x"), HasSubstr("behind the pack"));
  std::string flipped = bytes;
  flipped.back() = static_cast<char>(flipped.back() ^ 1);
  EXPECT_THAT(refusal(flipped), HasSubstr("checksum"));
  std::string torn = bytes;
  torn[16] = static_cast<char>(torn[16] ^ 0x55);
  EXPECT_NE(refusal(torn), "");
}

TEST_F(PackReceiverTest, SizesThatLieAreRefused) {
  for (const std::uint64_t size : {std::uint64_t{4}, std::uint64_t{6}, std::uint64_t{300'000}}) {
    PackBuilder pack;
    pack.addRaw(3, size, testing::compressed("hello"));
    EXPECT_THAT(refusal(pack.bytes()), HasSubstr("than it says")) << size;
  }
  PackBuilder deltas;
  const std::uint64_t base = deltas.add(ObjectType::blob, "hello");
  deltas.addOffsetDelta(base, Delta(6, 1).copy(0, 1));
  EXPECT_THAT(refusal(deltas.bytes()), HasSubstr("base of another size"));
  for (const Delta& delta : {Delta(5, 9).copy(0, 5), Delta(5, 5).copy(1, 5), Delta(5, 2).copy(0, 5),
                             Delta(5, 2).raw(std::string(1, '\0')), Delta(5, 2).raw("\x05zz"),
                             Delta(5, 2).raw("\xff"), Delta(5, 4).insert("aa").insert("bbb")}) {
    PackBuilder pack;
    pack.addOffsetDelta(pack.add(ObjectType::blob, "hello"), delta);
    EXPECT_THAT(refusal(pack.bytes()), HasSubstr("does not fit its base"));
  }
}

TEST_F(PackReceiverTest, BasesOutsideThePackAreRefused) {
  PackBuilder before;
  before.add(ObjectType::blob, "hello");
  before.addRaw(6, 3, "\xff\xff\xff\x7f" + testing::compressed("\x05\x01z"));
  EXPECT_THAT(refusal(before.bytes()), HasSubstr("damaged"));
  PackBuilder between;
  const std::uint64_t at = between.add(ObjectType::blob, "hello");
  between.addOffsetDelta(at + 1, Delta(5, 1).copy(0, 1));
  EXPECT_THAT(refusal(between.bytes()), HasSubstr("no object is where"));
}

TEST_F(PackReceiverTest, UnknownTypesAreRefused) {
  for (const unsigned type : {0u, 5u}) {
    PackBuilder pack;
    pack.addRaw(type, 5, testing::compressed("hello"));
    EXPECT_THAT(refusal(pack.bytes()), HasSubstr("unknown type"));
  }
}

TEST_F(PackReceiverTest, TheSameObjectTwiceIsRefused) {
  PackBuilder pack;
  pack.add(ObjectType::blob, "hello");
  pack.add(ObjectType::blob, "hello");
  EXPECT_THAT(refusal(pack.bytes()), HasSubstr("appears twice"));
}

TEST_F(PackReceiverTest, EveryLimitNamesItsSetting) {
  const std::string hundred(100, 'x');
  PackBuilder pack;
  const std::uint64_t base = pack.add(ObjectType::blob, hundred);
  pack.addOffsetDelta(base, Delta(100, 200).copy(0, 100).copy(0, 100));
  const std::string bytes = pack.bytes();
  const auto with = [&](auto change) {
    options_->limits = {};
    change(options_->limits);
    return refusal(bytes);
  };
  EXPECT_THAT(with([](ReceiveLimits& limits) { limits.packBytes.value = 50; }), HasSubstr("pack_max_bytes"));
  EXPECT_THAT(with([](ReceiveLimits& limits) { limits.packObjects.value = 1; }),
              HasSubstr("pack_max_objects"));
  EXPECT_THAT(with([](ReceiveLimits& limits) { limits.objectBytes.value = 99; }),
              HasSubstr("object_max_bytes"));
  EXPECT_THAT(with([](ReceiveLimits& limits) { limits.objectBytes.value = 199; }),
              HasSubstr("object_max_bytes"));
  EXPECT_THAT(with([](ReceiveLimits& limits) { limits.unpackedBytes.value = 299; }),
              HasSubstr("pack_unpacked_max_bytes"));
  EXPECT_THAT(with([](ReceiveLimits& limits) { limits.deltaDepth.value = 0; }),
              HasSubstr("pack_max_delta_depth"));
  EXPECT_THAT(with([](ReceiveLimits& limits) { limits.unpackSeconds.value = 0; }),
              HasSubstr("pack_unpack_max_s"));
  EXPECT_EQ(with([](ReceiveLimits& limits) { limits.treeBytes.value = 10; }), "");
  EXPECT_EQ(with([](ReceiveLimits&) {}), "");
}

TEST_F(PackReceiverTest, ADeltaBombIsRefusedBeforeItIsApplied) {
  // 16 kB that unpack to 1.9 GB: one blob of zeros, and deltas that each copy it many times.
  PackBuilder pack;
  const std::string zeros(1u << 20, '\0');
  const std::uint64_t base = pack.add(ObjectType::blob, zeros);
  for (int i = 0; i < 40; ++i) {
    Delta delta(zeros.size(), std::uint64_t{48} << 20);
    for (int copies = 0; copies < 48; ++copies)
      delta.copy(0, static_cast<std::uint32_t>(zeros.size() - 1))
          .raw(std::string("\x01") + static_cast<char>(i));
    pack.addOffsetDelta(base, delta);
  }
  EXPECT_LT(pack.bytes().size(), 16u << 10);
  const auto start = std::chrono::steady_clock::now();
  EXPECT_THAT(refusal(pack.bytes()), HasSubstr("pack_unpacked_max_ratio"));
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(1));
}

TEST_F(PackReceiverTest, ACollisionWithTheRepositoryIsRefused) {
  const std::string text = "the true one";
  existing_.addAs(idOf(ObjectType::blob, text), ObjectType::blob, "the false one");
  PackBuilder size;
  size.add(ObjectType::blob, text);
  EXPECT_THAT(refusal(size.bytes()), HasSubstr("COLLISION"));
  existing_.addAs(idOf(ObjectType::blob, text), ObjectType::blob, "the fals one");
  EXPECT_THAT(refusal(size.bytes()), HasSubstr("COLLISION"));
  existing_.add(ObjectType::blob, text);
  EXPECT_EQ(refusal(size.bytes()), "");
}

/// Beyond 1 MiB nothing is compared while it streams in: the same must come of it.
TEST_F(PackReceiverTest, ALargeCollisionOfOneSizeIsRefused) {
  for (const bool asDelta : {false, true}) {
    const std::string part(1u << 20, 'x');
    const std::string text = part + part + "z";
    PackBuilder pack;
    if (asDelta) {
      const std::uint64_t base = pack.add(ObjectType::blob, part);
      pack.addOffsetDelta(base,
                          Delta(part.size(), text.size()).copy(0, 1u << 20).copy(0, 1u << 20).insert("z"));
    } else {
      pack.add(ObjectType::blob, text);
    }
    std::string other = text;
    other[other.size() / 2] = 'y';
    std::filesystem::remove_all(pack_);
    std::filesystem::create_directories(pack_);
    existing_ = MemorySource();
    existing_.addAs(idOf(ObjectType::blob, text), ObjectType::blob, other);
    EXPECT_THAT(refusal(pack.bytes()), HasSubstr("COLLISION"));
    existing_.addAs(idOf(ObjectType::blob, text), ObjectType::blob, text);
    EXPECT_EQ(refusal(pack.bytes()), "");
  }
}

TEST_F(PackReceiverTest, TheProcessorsTimeIsLimitedWithoutDeltasToo) {
  PackBuilder pack;
  pack.add(ObjectType::blob, "hello");
  options_->limits.unpackSeconds.value = 0;
  EXPECT_THAT(refusal(pack.bytes()), HasSubstr("pack_unpack_max_s"));
}

TEST_F(PackReceiverTest, TimeThatTheClientTakesIsFree) {
  PackBuilder pack;
  pack.add(ObjectType::blob, "hello");
  const std::string bytes = pack.bytes();
  options_->limits.unpackSeconds.value = 1;
  PackReceiver receiver(*options_);
  receiver.append(std::string_view(bytes).substr(0, 20));
  std::this_thread::sleep_for(std::chrono::milliseconds(1100));
  receiver.append(std::string_view(bytes).substr(20));
  EXPECT_EQ(receiver.finish().objects, 1u);
}

TEST_F(PackReceiverTest, FindsWhatIsMissing) {
  const std::string blob = "content";
  const std::string tree = treeBytes({{"100644", "a", idOf(ObjectType::blob, blob)}});
  const std::string parent = commitBytes(idOf(ObjectType::tree, tree));
  const std::string commit = commitBytes(idOf(ObjectType::tree, tree), {idOf(ObjectType::commit, parent)});
  PackBuilder pack;
  pack.add(ObjectType::commit, commit);
  pack.add(ObjectType::tree, tree);
  const auto missing = [&] { return receive(pack.bytes())->findMissing({idOf(ObjectType::commit, commit)}); };
  existing_.add(ObjectType::commit, parent);
  auto found = missing();
  ASSERT_TRUE(found);
  EXPECT_EQ(found->id, idOf(ObjectType::blob, blob));
  EXPECT_EQ(found->neededBy, idOf(ObjectType::tree, tree));
  existing_.add(ObjectType::blob, blob);
  EXPECT_FALSE(missing());
  existing_ = MemorySource();
  existing_.add(ObjectType::blob, blob);
  EXPECT_EQ(missing()->id, idOf(ObjectType::commit, parent));
  options_->shallow = {idOf(ObjectType::commit, commit)};
  EXPECT_FALSE(missing());
}

TEST_F(PackReceiverTest, LinksMustLeadToTheRightType) {
  const std::string blob = "content";
  PackBuilder pack;
  pack.add(ObjectType::blob, blob);
  pack.add(ObjectType::commit, commitBytes(idOf(ObjectType::blob, blob)));
  const auto receiver = receive(pack.bytes());
  EXPECT_THROW(receiver->findMissing({}), base::Error);
}

TEST_F(PackReceiverTest, GitlinksNeedNotBeThere) {
  PackBuilder pack;
  pack.add(ObjectType::tree, treeBytes({{"160000", "sub", idOf(ObjectType::commit, "elsewhere")}}));
  EXPECT_FALSE(receive(pack.bytes())->findMissing({}));
}

TEST_F(PackReceiverTest, LongChainsNeedLittleMemory) {
  options_->limits.threads = 2;
  MemoryBudget memory(4u << 20);
  options_->memory = &memory;
  PackBuilder pack;
  std::string text(300'000, 'a');
  std::uint64_t at = pack.add(ObjectType::blob, text);
  for (int i = 0; i < 300; ++i) {
    // Every link has a side branch, so that there is something to come back to.
    const auto size = static_cast<std::uint32_t>(text.size());
    pack.addOffsetDelta(at,
                        Delta(size, size + 3)
                            .copy(0, size)
                            .insert("s" + std::string(1, static_cast<char>(i)) + static_cast<char>(i >> 8)));
    at = pack.addOffsetDelta(
        at, Delta(size, size + 2).copy(0, size).insert("m" + std::string(1, static_cast<char>(i))));
    text.append("m").append(1, static_cast<char>(i));
  }
  const auto receiver = receive(pack.bytes());
  EXPECT_EQ(summary_.deltas, 600u);
  EXPECT_FALSE(receiver->findMissing({idOf(ObjectType::blob, text)}));
}

TEST_F(PackReceiverTest, StopsWhenAsked) {
  std::stop_source stop;
  stop.request_stop();
  options_->stop = stop.get_token();
  PackBuilder pack;
  pack.add(ObjectType::blob, "x");
  try {
    receive(pack.bytes());
    FAIL();
  } catch (const base::Error& error) {
    EXPECT_EQ(error.code(), base::Errc::cancelled);
  }
}

}  // namespace
}  // namespace git
