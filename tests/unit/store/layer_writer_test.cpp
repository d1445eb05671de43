#include "store/layer_writer.h"

#include <gtest/gtest.h>

#include "base/archive.h"
#include "tests/support/memory_blob_store.h"

namespace store {
namespace {

using testing_support::MemoryBlobStore;

struct Collected : base::ByteSink {
  void write(std::string_view bytes) override { content.append(bytes); }
  std::string content;
};

std::string unpacked(const MemoryBlobStore& blobs, const Digest& digest) {
  Collected out;
  base::decompress(*blobs.open(digest), out);
  return out.content;
}

TEST(LayerWriter, HashesBothSides) {
  MemoryBlobStore blobs;
  const std::string content(3'000'000, 'x');
  LayerWriter writer(blobs);
  writer.write(content);
  EXPECT_EQ(writer.sizeBytes(), content.size());
  const Layer layer = writer.commit();
  EXPECT_EQ(layer.diffId, Digest::of(content));
  EXPECT_EQ(layer.blob.digest, Digest::of(blobs.bytes(layer.blob.digest)));
  EXPECT_EQ(blobs.size(layer.blob.digest), layer.blob.sizeBytes);
  EXPECT_EQ(layer.blob.mediaType, "application/vnd.oci.image.layer.v1.tar+gzip");
  EXPECT_EQ(unpacked(blobs, layer.blob.digest), content);
}

TEST(LayerWriter, WritesZstdWhenAsked) {
  MemoryBlobStore blobs;
  LayerWriter gzip(blobs);
  gzip.write("the tar");
  LayerWriter zstd(blobs, {.compression = Compression::zstd});
  zstd.write("the tar");
  const Layer layer = zstd.commit();
  EXPECT_EQ(layer.blob.mediaType, "application/vnd.oci.image.layer.v1.tar+zstd");
  EXPECT_EQ(layer.diffId, gzip.commit().diffId);
  EXPECT_EQ(unpacked(blobs, layer.blob.digest), "the tar");
}

TEST(LayerWriter, GivesTheSameLayerForTheSameBytes) {
  MemoryBlobStore blobs;
  const std::string content(100'000, 'y');
  LayerWriter whole(blobs);
  whole.write(content);
  LayerWriter pieces(blobs);
  for (std::size_t at = 0; at < content.size(); at += 777)
    pieces.write(std::string_view(content).substr(at, 777));
  EXPECT_EQ(whole.commit().blob.digest, pieces.commit().blob.digest);
  EXPECT_EQ(blobs.count(), 1u);
}

TEST(LayerWriter, StoresNothingWithoutCommit) {
  MemoryBlobStore blobs;
  {
    LayerWriter writer(blobs);
    writer.write("abandoned");
  }
  EXPECT_EQ(blobs.count(), 0u);
}

}  // namespace
}  // namespace store
