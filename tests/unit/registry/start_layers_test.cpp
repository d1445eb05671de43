#include "registry/start_layers.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/archive.h"
#include "base/error.h"
#include "tests/support/memory_blob_store.h"
#include "tests/support/temp_folder.h"

namespace registry {
namespace {

using store::Layer;
using testing_support::MemoryBlobStore;
using testing_support::TempFolder;

TEST(StartLayers, HoldsTheScriptAndOneFilePerType) {
  MemoryBlobStore blobs;
  const std::string command = "exec bin/server --name 'a b' \\\n  --port $PORT\n";
  const Layer layer = StartLayers(blobs).get({{"web", command}, {"release", "./migrate"}});
  TempFolder folder;
  base::unpackTar(*blobs.open(layer.blob.digest), folder.path(), {.keepOwners = false});
  EXPECT_EQ(folder.read("fairlead/types/web"), command);
  EXPECT_EQ(folder.read("fairlead/types/release"), "./migrate");
  EXPECT_THAT(folder.read("fairlead/start"), ::testing::StartsWith("#!/bin/bash\n"));
  using std::filesystem::perms;
  const auto modeOf = [&](const char* name) { return std::filesystem::status(folder / name).permissions(); };
  EXPECT_EQ(modeOf("fairlead/start"), perms(0755));
  EXPECT_EQ(modeOf("fairlead/types/web"), perms(0644));
  EXPECT_EQ(modeOf("fairlead/types"), perms(0755));
  EXPECT_EQ(modeOf("fairlead"), perms(0755));
}

TEST(StartLayers, IsTheSameForTheSameTypes) {
  MemoryBlobStore blobs;
  const store::ProcessTypes types = {{"web", "a"}, {"worker", "b"}};
  EXPECT_EQ(StartLayers(blobs).get(types).blob.digest, StartLayers(blobs).get(types).blob.digest);
  EXPECT_NE(StartLayers(blobs).get(types).diffId, StartLayers(blobs).get({{"web", "a"}}).diffId);
}

TEST(StartLayers, RefusesNamesThatAreNoFileNames) {
  MemoryBlobStore blobs;
  for (const auto* name : {"", "..", "../../etc/passwd", "a/b", "a b", "a.b"}) {
    EXPECT_THROW(StartLayers(blobs).get({{name, "x"}}), base::Error) << name;
  }
  EXPECT_EQ(blobs.count(), 0u);
}

/// Counts what is written.
class CountingBlobStore : public MemoryBlobStore {
 public:
  std::unique_ptr<store::BlobWriter> create() override {
    ++writers;
    return MemoryBlobStore::create();
  }
  int writers = 0;
};

TEST(StartLayers, PacksATypesLayerOnce) {
  CountingBlobStore blobs;
  StartLayers layers(blobs);
  const Layer first = layers.get({{"web", "a"}});
  EXPECT_EQ(layers.get({{"web", "a"}}).blob.digest, first.blob.digest);
  EXPECT_EQ(blobs.writers, 1);
  EXPECT_NE(layers.get({{"web", "b"}}).blob.digest, first.blob.digest);
  EXPECT_EQ(blobs.writers, 2);
}

TEST(StartLayers, PacksAgainWhatWasCollected) {
  MemoryBlobStore blobs;
  StartLayers layers(blobs);
  const Layer first = layers.get({{"web", "a"}});
  blobs.remove(first.blob.digest);
  EXPECT_EQ(layers.get({{"web", "a"}}).blob.digest, first.blob.digest);
  EXPECT_EQ(blobs.count(), 1u);
}

}  // namespace
}  // namespace registry
