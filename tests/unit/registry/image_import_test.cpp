#include "registry/image_import.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "base/error.h"
#include "registry/release_image.h"
#include "store/layer_writer.h"
#include "tests/support/memory_blob_store.h"
#include "tests/support/temp_folder.h"

namespace registry {
namespace {

using ::testing::HasSubstr;

/// A layout of one image with one layer, whose parts a test may spoil before write().
struct Layout {
  testing_support::TempFolder folder;
  std::string architecture = registry::architecture();
  std::string layer = "the layer";
  std::string layerType = store::LayerWriter::kGzipLayer;
  std::string diffIds = "\"" + store::Digest::of("x").str() + "\"";
  std::string stored = layer;

  std::string describe(const std::string& type, const std::string& bytes) const {
    return R"({"mediaType":")" + type + R"(","digest":")" + store::Digest::of(bytes).str() + R"(","size":)" +
           std::to_string(bytes.size()) + "}";
  }
  void put(const std::string& named, const std::string& bytes) const {
    const auto blobs = folder.path() / "blobs/sha256";
    std::filesystem::create_directories(blobs);
    std::ofstream(blobs / store::Digest::of(named).hex()) << bytes;
  }
  std::string write() const {
    const std::string config =
        R"({"architecture":")" + architecture + R"(","rootfs":{"diff_ids":[)" + diffIds + "]}}";
    const std::string manifest =
        R"({"config":)" + describe("c", config) + R"(,"layers":[)" + describe(layerType, layer) + "]}";
    put(config, config);
    put(manifest, manifest);
    put(layer, stored);
    std::ofstream(folder.path() / "index.json") << R"({"manifests":[)" + describe("m", manifest) + "]}";
    return manifest;
  }
  std::string refusal() const {
    write();
    testing_support::MemoryBlobStore blobs;
    try {
      readOciLayout(folder.path(), blobs);
    } catch (const base::Error& error) {
      EXPECT_EQ(error.code(), base::Errc::invalidArgument);
      EXPECT_EQ(blobs.count(), 0u);
      return error.what();
    }
    return "";
  }
};

TEST(ImageImport, TakesALayoutsLayers) {
  const Layout layout;
  layout.write();
  testing_support::MemoryBlobStore blobs;
  const auto layers = readOciLayout(layout.folder.path(), blobs);
  ASSERT_EQ(layers.size(), 1u);
  EXPECT_EQ(blobs.bytes(layers[0].blob.digest), "the layer");
  EXPECT_EQ(layers[0].blob.sizeBytes, 9u);
  EXPECT_EQ(layers[0].diffId, store::Digest::of("x"));
}

TEST(ImageImport, RefusesWhatIsNotWhatItsDigestSays) {
  Layout layout;
  layout.stored = "the lAyer";
  EXPECT_NE(layout.refusal(), "");
  layout.stored = "the layer and more";
  EXPECT_THAT(layout.refusal(), HasSubstr("not as long"));
  layout.stored = layout.layer;
  layout.put(layout.write(), "{}");
  testing_support::MemoryBlobStore blobs;
  EXPECT_THROW(readOciLayout(layout.folder.path(), blobs), base::Error);
}

TEST(ImageImport, RefusesImagesThatItCannotUse) {
  Layout other;
  other.architecture = "s390x";
  EXPECT_THAT(other.refusal(), HasSubstr("made for s390x"));
  Layout uneven;
  uneven.diffIds = "";
  EXPECT_THAT(uneven.refusal(), HasSubstr("1 layers and 0 diff ids"));
  Layout foreign;
  foreign.layerType = "application/vnd.oci.image.layer.nondistributable.v1.tar";
  EXPECT_THAT(foreign.refusal(), HasSubstr("nondistributable"));
}

TEST(ImageImport, RefusesWhatIsNoReferenceBeforeAnythingRuns) {
  testing_support::TempFolder folder;
  testing_support::MemoryBlobStore blobs;
  for (const char* bad : {"", "-x", "--help", "a b", "a;b", "docker://", "x\n"}) {
    EXPECT_THROW(importImage({.reference = bad, .workFolder = folder.path()}, blobs, {}), base::Error) << bad;
  }
  EXPECT_TRUE(isLocalReference("oci:/x"));
  EXPECT_TRUE(isLocalReference("oci-archive:/x"));
  EXPECT_FALSE(isLocalReference("localhost:5000/oci:1"));
}

}  // namespace
}  // namespace registry
