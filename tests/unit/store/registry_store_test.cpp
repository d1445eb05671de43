#include "store/registry_store.h"

#include <gmock/gmock.h>

#include "store/detail/sqlite.h"
#include "tests/unit/store/store_fixture.h"

namespace store {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

const RepositoryName kHello = RepositoryName::parse("hello");
const RepositoryName kOther = RepositoryName::parse("other");

class RegistryStoreTest : public StoreTest {
 protected:
  PushedManifest pushed(const std::string& text) {
    return {.manifest = {Digest::of(text), "type", text, {{"x/y", Digest::of("layer"), 5}}},
            .children = {},
            .subject = {},
            .artifactType = {},
            .annotations = {}};
  }
  RegistryStore rows_{*store_};
};

TEST_F(RegistryStoreTest, MountsAsARow) {
  rows_.addBlob(kHello, {"", Digest::of("layer"), 5});
  EXPECT_EQ(store_->blobSize(kOther, Digest::of("layer")), std::nullopt);
  EXPECT_FALSE(rows_.mountBlob(kOther, kOther, Digest::of("layer")));
  EXPECT_FALSE(rows_.mountBlob(kOther, kHello, Digest::of("absent")));
  EXPECT_TRUE(rows_.mountBlob(kOther, kHello, Digest::of("layer")));
  EXPECT_EQ(store_->blobSize(kOther, Digest::of("layer")), 5u);
  EXPECT_THAT(rows_.holders(Digest::of("layer"), 9), ElementsAre(kHello, kOther));
  EXPECT_EQ(rows_.removeBlob(kHello, Digest::of("layer")), Removal::removed);
  EXPECT_EQ(rows_.removeBlob(kHello, Digest::of("layer")), Removal::unknown);
  EXPECT_EQ(store_->blobSize(kOther, Digest::of("layer")), 5u);
}

TEST_F(RegistryStoreTest, ChangesNothingWhenAManifestIsRefused) {
  const auto refused = rows_.putManifest(kHello, pushed("m"), {"tag"}, MissingContent::refused);
  EXPECT_FALSE(refused.stored);
  EXPECT_THAT(refused.missing, ElementsAre(Digest::of("layer")));
  EXPECT_EQ(store_->tags(kHello, "", 9), std::nullopt);
  rows_.addBlob(kHello, {"", Digest::of("layer"), 6});
  const auto lied = rows_.putManifest(kHello, pushed("m"), {"tag"}, MissingContent::accepted);
  EXPECT_FALSE(lied.stored);
  EXPECT_THAT(lied.otherSize, ElementsAre(Digest::of("layer")));
  EXPECT_THAT(*store_->tags(kHello, "", 9), IsEmpty());
}

TEST_F(RegistryStoreTest, PutsTheSameManifestAgain) {
  rows_.addBlob(kHello, {"", Digest::of("layer"), 5});
  auto manifest = pushed("m");
  manifest.subject = Digest::of("s");
  manifest.children = {Digest::of("c")};
  for (const char* tag : {"a", "b"})
    EXPECT_TRUE(rows_.putManifest(kHello, manifest, {tag}, MissingContent::accepted).stored);
  EXPECT_THAT(*store_->tags(kHello, "", 9), ElementsAre("a", "b"));
  EXPECT_EQ(
      rows_.referrers(kHello, {.subject = Digest::of("s"), .artifactType = "", .last = ""}).items.size(), 1u);
  EXPECT_EQ(rows_.removeManifest(kHello, Digest::of("m")), Removal::removed);
  EXPECT_THAT(*store_->tags(kHello, "", 9), IsEmpty());
  EXPECT_THAT(rows_.referrers(kHello, {.subject = Digest::of("s"), .artifactType = "", .last = ""}).items,
              IsEmpty());
}

// The plans, not the clock: each step looks up keys.
TEST_F(RegistryStoreTest, NeedsNoScanForAPush) {
  const detail::EventContext events{clock_};
  detail::Connection connection(file(), &events);
  const char* statements[] = {
      "SELECT size_bytes FROM repository_blobs WHERE repository = 1 AND digest = 'x'",
      "SELECT name FROM tags WHERE repository = 1 AND name > 'x' ORDER BY name LIMIT 9",
      "SELECT 1 FROM manifest_blobs WHERE repository = 1 AND digest = 'x'",
      "SELECT manifest FROM referrers WHERE repository = 1 AND subject = 'x' AND manifest > '' ORDER BY "
      "manifest",
      "SELECT repository FROM repository_blobs WHERE digest = 'x' ORDER BY repository",
      "DELETE FROM manifests WHERE repository = 1 AND digest = 'x'",
  };
  for (const char* statement : statements) {
    auto rows = connection.query(std::string("EXPLAIN QUERY PLAN ") + statement);
    while (rows.next()) {
      EXPECT_EQ(rows.text(3).find("SCAN"), std::string::npos) << statement << ": " << rows.text(3);
      EXPECT_EQ(rows.text(3).find("B-TREE"), std::string::npos) << statement << ": " << rows.text(3);
    }
  }
}

TEST_F(RegistryStoreTest, RemembersUploads) {
  UploadRow row{.uuid = "u",
                .repository = kHello,
                .algorithm = base::DigestAlgorithm::sha512,
                .sizeBytes = 3,
                .createdAt = clock_.now(),
                .touchedAt = clock_.now()};
  rows_.putUpload(row);
  row.sizeBytes = 7;
  rows_.putUpload(row);
  ASSERT_EQ(rows_.uploads().size(), 1u);
  EXPECT_EQ(rows_.uploads()[0].sizeBytes, 7u);
  EXPECT_EQ(rows_.uploads()[0].algorithm, base::DigestAlgorithm::sha512);
  rows_.addBlob(kHello, {"", Digest::of("layer"), 7}, "u");
  EXPECT_THAT(rows_.uploads(), IsEmpty());
}

}  // namespace
}  // namespace store
