// Packs large enough for a thread of their own behind the parser.
#include "git/detail/intake_pipe.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <random>

#include "base/child_process.h"
#include "base/error.h"
#include "base/fd.h"
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

class IntakePipeTest : public ::testing::Test {
 protected:
  IntakePipeTest() {
    std::filesystem::create_directories(pack_);
    limits_.threads = 2;
  }

  std::string noise(std::size_t size) {
    std::string bytes(size, '\0');
    std::generate(bytes.begin(), bytes.end(), [this] { return static_cast<char>(random_()); });
    return bytes;
  }

  /// A tree of blobs of every size that is taken another way, until the pack has these bytes.
  NamedEntry fill(PackBuilder& pack, std::uint64_t bytes) {
    std::vector<NamedEntry> files;
    constexpr std::array<std::size_t, 6> kSizes{10, 3000, 200'000, 262'144, 700'000, 1'200'000};
    for (std::size_t i = 0; pack.size() < bytes; ++i) {
      const std::string blob = noise(kSizes[i % kSizes.size()]);
      pack.add(ObjectType::blob, blob);
      files.push_back({"100644", std::to_string(10'000 + i), idOf(ObjectType::blob, blob)});
    }
    const std::string tree = treeBytes(files);
    pack.add(ObjectType::tree, tree);
    return {"40000", "files", idOf(ObjectType::tree, tree)};
  }

  std::unique_ptr<PackReceiver> receive(std::string_view bytes) {
    auto receiver = std::make_unique<PackReceiver>(PackReceiverOptions{.folder = pack_,
                                                                       .existing = existing_,
                                                                       .limits = limits_,
                                                                       .policy = FsckPolicy(),
                                                                       .memory = &memory_});
    while (!bytes.empty())
      bytes.remove_prefix(receiver->append(bytes.substr(0, 100'000)));
    summary_ = receiver->finish();
    return receiver;
  }

  std::string refusal(std::string_view bytes) {
    try {
      receive(bytes);
      return {};
    } catch (const base::Error& error) {
      EXPECT_TRUE(std::filesystem::is_empty(pack_));
      return error.what();
    }
  }

  testing_support::TempFolder folder_;
  std::filesystem::path pack_ = folder_ / "pack";
  MemorySource existing_;
  ReceiveLimits limits_;
  MemoryBudget memory_{1u << 20};
  PackSummary summary_;
  std::mt19937 random_{7};
};

TEST_F(IntakePipeTest, TakesWhatGitTakes) {
  PackBuilder pack;
  const NamedEntry tree = fill(pack, 6u << 20);
  const auto receiver = receive(pack.bytes());
  EXPECT_FALSE(receiver->findMissing({tree.id}));
  const std::string copy = (folder_ / "copy.idx").string();
  auto stored = *summary_.index;
  stored.replace_extension(".pack");
  base::mustRun({"git", "index-pack", "-o", copy, stored.string()});
  EXPECT_EQ(base::readFile(copy), base::readFile(*summary_.index));
}

TEST_F(IntakePipeTest, RefusesWhatComesLate) {
  PackBuilder pack;
  fill(pack, 3u << 20);
  pack.add(ObjectType::tree, treeBytes({{"100644", ".git", idOf(ObjectType::blob, "x")}}));
  EXPECT_THAT(refusal(pack.bytes()), HasSubstr("hasDotgit"));
  // With more behind it than may be under way.
  fill(pack, 9u << 20);
  EXPECT_THAT(refusal(pack.bytes()), HasSubstr("hasDotgit"));
}

TEST_F(IntakePipeTest, RefusesAWrongChecksum) {
  PackBuilder pack;
  fill(pack, 3u << 20);
  std::string bytes = pack.bytes();
  bytes.back() = static_cast<char>(bytes.back() ^ 1);
  EXPECT_THAT(refusal(bytes), HasSubstr("checksum"));
}

TEST_F(IntakePipeTest, LeavesNothingWhenThePackEndsEarly) {
  PackBuilder pack;
  fill(pack, 5u << 20);
  EXPECT_THAT(refusal(std::string_view(pack.bytes()).substr(0, 4u << 20)), HasSubstr("ended early"));
}

}  // namespace
}  // namespace git
