#include "registry/image_import.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>

#include "base/error.h"
#include "registry/release_image.h"
#include "store/layer_writer.h"
#include "tests/support/fake_registry.h"
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
  std::vector<store::Layer> take(store::BlobStore& blobs, const std::string& tag = "") const {
    testing_support::TempFolder work;
    return importImage({.reference = "oci:" + folder.path().string() + tag, .workFolder = work.path()}, blobs,
                       {});
  }
  std::string refusal() const {
    write();
    testing_support::MemoryBlobStore blobs;
    try {
      take(blobs);
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
  const auto layers = layout.take(blobs);
  ASSERT_EQ(layers.size(), 2u) << "with the one that has /app";
  EXPECT_EQ(blobs.bytes(layers[0].blob.digest), "the layer");
  EXPECT_EQ(layers[0].blob.sizeBytes, 9u);
  EXPECT_EQ(layers[0].diffId, store::Digest::of("x"));
}

TEST(ImageImport, RefusesWhatIsNotWhatItsDigestSays) {
  Layout layout;
  layout.stored = "the lAyer";
  EXPECT_THAT(layout.refusal(), HasSubstr("not what its digest says"));
  layout.stored = "the layer and more";
  EXPECT_THAT(layout.refusal(), HasSubstr("not as long"));
  layout.stored = layout.layer;
  layout.put(layout.write(), "{}");
  testing_support::MemoryBlobStore blobs;
  EXPECT_THROW(layout.take(blobs), base::Error);
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

TEST(ImageImport, FindsAnImageByItsName) {
  Layout layout;
  const std::string manifest = layout.write();
  const std::string other =
      R"({"mediaType":"m","digest":")" + store::Digest::of("other").str() + R"(","size":5})";
  std::string named = layout.describe("m", manifest);
  named.insert(named.size() - 1, R"(,"annotations":{"org.opencontainers.image.ref.name":"mine"})");
  std::ofstream(layout.folder.path() / "index.json") << R"({"manifests":[)" + other + "," + named + "]}";
  testing_support::MemoryBlobStore blobs;
  EXPECT_EQ(layout.take(blobs, ":mine").size(), 2u);
  EXPECT_THROW(layout.take(blobs, ":another"), base::Error);
  EXPECT_THROW(layout.take(blobs), base::Error) << "neither is said to be for this platform";
}

TEST(ImageImport, TakesAnArchive) {
  Layout layout;
  layout.write();
  testing_support::TempFolder work;
  const auto file = work.path() / "image.tar";
  const std::string tar = "tar -C " + layout.folder.path().string() + " -cf " + file.string() + " .";
  ASSERT_EQ(std::system(tar.c_str()), 0);
  testing_support::MemoryBlobStore blobs;
  const auto layers =
      importImage({.reference = "oci-archive:" + file.string(), .workFolder = work.path()}, blobs, {});
  EXPECT_EQ(layers[0].blob.digest, store::Digest::of("the layer"));
}

/// An index in an index, a docker manifest for this machine in it, a layer named by sha512.
TEST(ImageImport, TakesThisMachinesImageFromARegistry) {
  testing_support::FakeRegistry remote;
  const auto digest512 = store::Digest::of("the layer", base::DigestAlgorithm::sha512);
  remote.blobs[digest512.str()] = "the layer";
  const auto describe = [](const std::string& type, const std::string& bytes) {
    return R"({"mediaType":")" + type + R"(","digest":")" + store::Digest::of(bytes).str() + R"(","size":)" +
           std::to_string(bytes.size());
  };
  const std::string config = R"({"architecture":")" + architecture() + R"(","rootfs":{"diff_ids":[")" +
                             store::Digest::of("x").str() + R"("]}})";
  remote.put(config);
  const std::string type = "application/vnd.docker.distribution.manifest.v2+json";
  const std::string listType = "application/vnd.docker.distribution.manifest.list.v2+json";
  const std::string manifest =
      R"({"config":)" + describe("application/vnd.docker.container.image.v1+json", config) +
      R"(},"layers":[{"mediaType":"application/vnd.docker.image.rootfs.diff.tar.gzip","digest":")" +
      digest512.str() + R"(","size":9}]})";
  const std::string inner = R"({"manifests":[)" + describe(type, "{}") +
                            R"(,"platform":{"os":"linux","architecture":"other"}},)" +
                            describe(type, manifest) + R"(,"platform":{"os":"linux","architecture":")" +
                            architecture() + R"("}}]})";
  const std::string outer = R"({"manifests":[)" + describe(listType, inner) + "}]}";
  remote.manifests["1.0"] = {listType, outer};
  remote.manifests[store::Digest::of(inner).str()] = {listType, inner};
  remote.manifests[store::Digest::of(manifest).str()] = {type, manifest};
  testing_support::TempFolder work;
  testing_support::MemoryBlobStore blobs;
  const ImportInput input{.reference = remote.host() + "/team/app:1.0", .workFolder = work.path()};
  const auto layers = importImage(input, blobs, {});
  ASSERT_EQ(layers.size(), 2u);
  EXPECT_EQ(layers[0].blob.mediaType, store::LayerWriter::kGzipLayer);
  EXPECT_EQ(layers[0].blob.digest, store::Digest::of("the layer"));
  EXPECT_EQ(blobs.bytes(layers[0].blob.digest), "the layer");
  remote.blobs[digest512.str()] = "the lAyer";
  EXPECT_THROW(importImage(input, blobs, {}), base::Error);
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
