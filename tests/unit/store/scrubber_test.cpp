// A walk over everything that is stored.
#include "store/scrubber.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "base/error.h"
#include "store/detail/sqlite.h"
#include "store/registry_store.h"
#include "tests/support/fake_clock.h"
#include "tests/support/temp_folder.h"

namespace store {
namespace {

using ::testing::ElementsAre;

class ScrubberTest : public ::testing::Test {
 protected:
  Digest push(const std::string& repository, const std::string& content) {
    const Digest digest = putBlob(blobs_, content).digest;
    rows_.addBlob(RepositoryName::parse(repository), {"", digest, content.size()});
    return digest;
  }
  Manifest pushManifest(const std::string& repository, const Digest& blob, std::uint64_t size) {
    const std::string bytes = "{\"layer\":\"" + blob.str() + "\"}";
    Manifest manifest{
        Digest::of(bytes), "application/vnd.oci.image.manifest.v1+json", bytes, {{"layer", blob, size}}};
    releases_.putManifest(RepositoryName::parse(repository), manifest, {"v1"});
    return manifest;
  }
  ScrubReport scrub(ScrubOptions options = {.bytesPerS = 1u << 30, .progress = {}}) {
    return Scrubber(releases_, blobs_).scrub(options, {});
  }
  static void flip(const std::filesystem::path& file) {
    const base::Fd fd = base::openFile(file, O_RDWR);
    ASSERT_EQ(::pwrite(fd.get(), "!", 1, 0), 1);
  }

  testing_support::TempFolder folder_;
  test::FakeClock clock_;
  ReleaseStore releases_{folder_ / "fairlead.db", clock_};
  RegistryStore rows_{releases_};
  DiskBlobStore blobs_{folder_ / "blobs"};
};

TEST_F(ScrubberTest, FindsNothingWhereAllIsRight) {
  const Digest layer = push("hello", "layer");
  pushManifest("hello", layer, 5);
  const ScrubReport report = scrub();
  EXPECT_EQ(report.blobs, 1u);
  EXPECT_EQ(report.manifests, 1u);
  EXPECT_GT(report.bytes, 5u);
  EXPECT_TRUE(report.damaged.empty());
}

TEST_F(ScrubberTest, NamesWhatIsWrongAndWhoHoldsIt) {
  const Digest flipped = push("hello", "flipped");
  push("other/web", "flipped");
  const Digest cut = push("hello", "cut");
  const Digest gone = push("hello", "gone");
  push("hello", "right");
  flip(blobs_.path(flipped));
  std::filesystem::resize_file(blobs_.path(cut), 1);
  blobs_.remove(gone);
  const ScrubReport report = scrub();
  ASSERT_EQ(report.damaged.size(), 3u);
  for (const Damaged& each : report.damaged) {
    EXPECT_EQ(each.kind, Damaged::Kind::blob);
    EXPECT_EQ(blobs_.size(each.digest), std::nullopt) << each.finding;
    if (each.digest == flipped) {
      EXPECT_THAT(each.repositories, ElementsAre("hello", "other/web"));
    } else {
      EXPECT_THAT(each.repositories, ElementsAre("hello"));
    }
  }
  push("hello", "flipped");
  EXPECT_EQ(scrub().damaged.size(), 2u);
}

// What a reader has verified is read again all the same: the page cache may be right and the disk wrong.
TEST_F(ScrubberTest, BelievesNoEarlierReader) {
  const Digest digest = push("hello", "seen");
  blobs_.verified().add(digest, *FileStamp::of(blobs_.path(digest)));
  flip(blobs_.path(digest));
  EXPECT_EQ(scrub().damaged.size(), 1u);
}

TEST_F(ScrubberTest, FindsADamagedManifestWhichPuttingAgainHeals) {
  const Digest layer = push("hello", "layer");
  const Manifest manifest = pushManifest("hello", layer, 5);
  detail::Connection(folder_ / "fairlead.db").execute("UPDATE manifests SET bytes = CAST('{}' AS BLOB)");
  releases_.putManifest(RepositoryName::parse("unrelated"), Manifest{Digest::of("{}"), "t", "{}", {}}, {});
  const ScrubReport report = scrub();
  ASSERT_EQ(report.damaged.size(), 1u);
  EXPECT_EQ(report.damaged[0].kind, Damaged::Kind::manifest);
  EXPECT_EQ(report.damaged[0].digest, manifest.digest);
  EXPECT_THAT(report.damaged[0].repositories, ElementsAre("hello"));
  const auto hello = RepositoryName::parse("hello");
  EXPECT_FALSE(releases_.findManifestByTag(hello, "v1").has_value());
  EXPECT_FALSE(releases_.findManifest(hello, manifest.digest).has_value());
  releases_.putManifest(hello, manifest, {});
  EXPECT_EQ(releases_.findManifestByTag(hello, "v1")->bytes, manifest.bytes);
  EXPECT_TRUE(scrub().damaged.empty());
}

TEST_F(ScrubberTest, GoesOnWhereItWasAndKeepsToItsRate) {
  const Digest first = push("hello", std::string(50'000, 'a'));
  std::vector<unsigned> shelves;
  const auto begin = std::chrono::steady_clock::now();
  const ScrubReport report =
      scrub({.bytesPerS = 500'000, .firstShelf = 0, .progress = [&](unsigned shelf, const ScrubReport&) {
               shelves.push_back(shelf);
             }});
  EXPECT_GE(std::chrono::steady_clock::now() - begin, std::chrono::milliseconds(90));
  EXPECT_EQ(report.blobs, 1u);
  EXPECT_EQ(shelves.front(), 0u);
  EXPECT_EQ(shelves.back(), DiskBlobStore::kShelves);
  const auto own = static_cast<unsigned>(std::stoul(first.hex().substr(0, 2), nullptr, 16));
  EXPECT_EQ(scrub({.bytesPerS = 1u << 30, .firstShelf = own + 1, .progress = {}}).blobs, 0u);
  EXPECT_EQ(scrub({.bytesPerS = 1u << 30, .firstShelf = own, .progress = {}}).blobs, 1u);
}

TEST_F(ScrubberTest, EndsWhenItIsTold) {
  push("hello", "layer");
  std::stop_source stop;
  const ScrubOptions options{.bytesPerS = 1, .progress = [&](unsigned shelf, const ScrubReport&) {
                               if (shelf == 3) stop.request_stop();
                             }};
  EXPECT_THROW(Scrubber(releases_, blobs_).scrub(options, stop.get_token()), base::Error);
}

}  // namespace
}  // namespace store
