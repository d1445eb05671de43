#include "registry/release_image.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/json.h"
#include "registry/start_layers.h"
#include "store/layer_writer.h"
#include "tests/support/memory_blob_store.h"

namespace registry {
namespace {

using store::Digest;
using store::Layer;
using testing_support::MemoryBlobStore;

Layer putLayer(store::BlobStore& blobs, const std::string& content) {
  store::LayerWriter writer(blobs);
  writer.write(content);
  return writer.commit();
}

/// A stack with one layer, a slug with two, and everything else of an image.
struct Fixture {
  MemoryBlobStore blobs;
  store::Stack stack{"debian-12",
                     {{}, Digest::of("build manifest")},
                     {{putLayer(blobs, "base")}, Digest::of("run manifest")},
                     {}};
  store::Slug slug{.id = 1,
                   .uuid = "4b0c1f0e-0000-4000-8000-000000000001",
                   .app = 1,
                   .commit = "1a2b3c4d",
                   .stack = "debian-12",
                   .buildpack = "python",
                   .layers = {putLayer(blobs, "deps"), putLayer(blobs, "source")},
                   .processTypes = {{"web", "python app.py"}, {"worker", "python work.py"}}};
  Layer start = StartLayers(blobs).get(slug.processTypes);
  store::ConfigVars environment{{"FOO", "b\"a\nr"}, {"LANG", "C.UTF-8"}};
  std::optional<store::Build> build;

  ReleaseImageInput input() {
    return {.stackName = stack.name,
            .runImage = stack.run,
            .slug = slug,
            .appName = "hello",
            .version = {2},
            .environment = environment,
            .commit = "1a2b3c4d5e6f70819203a4b5c6d7e8f901234567",
            .createdAt = store::Time(std::chrono::seconds(1'769'860'800)),
            .build = build,
            .startLayer = start};
  }
  store::Manifest assemble() { return assembleReleaseImage(blobs, input()); }
  base::JsonObject::Ptr configOf(const store::Manifest& manifest) {
    return base::parseJsonObject(blobs.bytes(manifest.blobs.front().digest), "config");
  }
};

std::vector<std::string> textsOf(const base::JsonArray::Ptr& array) {
  std::vector<std::string> texts;
  for (unsigned i = 0; i < array->size(); ++i)
    texts.push_back(array->getElement<std::string>(i));
  return texts;
}

TEST(ReleaseImage, ListsStackThenSlugThenStartLayer) {
  Fixture fixture;
  const auto manifest = fixture.assemble();
  EXPECT_EQ(manifest.digest, Digest::of(manifest.bytes));
  EXPECT_EQ(manifest.mediaType, "application/vnd.oci.image.manifest.v1+json");
  const auto json = base::parseJsonObject(manifest.bytes, "manifest");
  EXPECT_EQ(json->getValue<int>("schemaVersion"), 2);
  EXPECT_EQ(json->getValue<std::string>("mediaType"), manifest.mediaType);
  const std::vector<Layer> expected = {fixture.stack.run.layers[0], fixture.slug.layers[0],
                                       fixture.slug.layers[1], fixture.start};
  const auto layers = json->getArray("layers");
  const auto config = fixture.configOf(manifest);
  const auto diffIds = textsOf(config->getObject("rootfs")->getArray("diff_ids"));
  ASSERT_EQ(layers->size(), expected.size());
  ASSERT_EQ(manifest.blobs.size(), expected.size() + 1);
  ASSERT_EQ(diffIds.size(), expected.size());
  EXPECT_EQ(config->getArray("history")->size(), expected.size());
  for (unsigned i = 0; i < expected.size(); ++i) {
    const auto layer = layers->getObject(i);
    EXPECT_EQ(layer->getValue<std::string>("digest"), expected[i].blob.digest.str());
    EXPECT_EQ(layer->getValue<std::uint64_t>("size"), expected[i].blob.sizeBytes);
    EXPECT_EQ(layer->getValue<std::string>("mediaType"), "application/vnd.oci.image.layer.v1.tar+gzip");
    EXPECT_EQ(manifest.blobs[i + 1].digest, expected[i].blob.digest);
    EXPECT_EQ(diffIds[i], expected[i].diffId.str());
  }
  const auto described = json->getObject("config");
  EXPECT_EQ(described->getValue<std::string>("digest"), manifest.blobs[0].digest.str());
  EXPECT_EQ(fixture.blobs.size(manifest.blobs[0].digest), described->getValue<std::uint64_t>("size"));
}

TEST(ReleaseImage, RunsTheAppByProcessType) {
  Fixture fixture;
  const auto config = fixture.configOf(fixture.assemble());
  EXPECT_EQ(config->getValue<std::string>("created"), "2026-01-31T12:00:00Z");
  EXPECT_EQ(config->getValue<std::string>("os"), "linux");
  EXPECT_FALSE(config->getValue<std::string>("architecture").empty());
  const auto run = config->getObject("config");
  EXPECT_EQ(run->getValue<std::string>("User"), "1000:1000");
  EXPECT_EQ(run->getValue<std::string>("WorkingDir"), "/app");
  EXPECT_THAT(textsOf(run->getArray("Entrypoint")), ::testing::ElementsAre("/fairlead/start"));
  EXPECT_THAT(textsOf(run->getArray("Cmd")), ::testing::ElementsAre("web"));
  EXPECT_THAT(textsOf(run->getArray("Env")),
              ::testing::ElementsAre("PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
                                     "HOME=/app", "FOO=b\"a\nr", "LANG=C.UTF-8"));
}

TEST(ReleaseImage, SaysWhereItCameFrom) {
  Fixture fixture;
  const auto manifest = fixture.assemble();
  const auto annotations = base::parseJsonObject(manifest.bytes, "manifest")->getObject("annotations");
  const auto labels = fixture.configOf(manifest)->getObject("config")->getObject("Labels");
  for (const auto& members : {annotations, labels}) {
    const auto value = [&](const char* name) {
      return members->getValue<std::string>(std::string("org.opencontainers.image.") + name);
    };
    EXPECT_EQ(value("revision"), "1a2b3c4d5e6f70819203a4b5c6d7e8f901234567");
    EXPECT_EQ(value("created"), "2026-01-31T12:00:00Z");
    EXPECT_EQ(value("version"), "v2");
    EXPECT_EQ(value("base.digest"), Digest::of("run manifest").str());
    EXPECT_EQ(value("base.name"), "stacks/debian-12:run");
  }
}

TEST(ReleaseImage, IsTheSameForTheSameInput) {
  Fixture one;
  Fixture two;
  EXPECT_EQ(one.assemble().digest, two.assemble().digest);
  two.environment["FOO"] = "other";
  EXPECT_NE(one.assemble().digest, two.assemble().digest);
}

TEST(ReleaseImage, LetsTheAppChooseItsPath) {
  Fixture fixture;
  fixture.environment = {{"PATH", "/app/bin:/bin"}};
  const auto run = fixture.configOf(fixture.assemble())->getObject("config");
  EXPECT_THAT(textsOf(run->getArray("Env")), ::testing::ElementsAre("HOME=/app", "PATH=/app/bin:/bin"));
}

TEST(ReleaseImage, StartsTheOnlyTypeWhenThereIsNoWeb) {
  Fixture fixture;
  fixture.slug.processTypes = {{"worker", "python work.py"}};
  const auto run = fixture.configOf(fixture.assemble())->getObject("config");
  EXPECT_THAT(textsOf(run->getArray("Cmd")), ::testing::ElementsAre("worker"));
}

TEST(ReleaseImage, SpeaksOciOfLayersFromDockersRegistry) {
  Fixture fixture;
  fixture.stack.run.layers[0].blob.mediaType = "application/vnd.docker.image.rootfs.diff.tar.gzip";
  const auto manifest = fixture.assemble();
  EXPECT_EQ(manifest.blobs[1].mediaType, "application/vnd.oci.image.layer.v1.tar+gzip");
  EXPECT_EQ(manifest.bytes.find("docker"), std::string::npos);
}

TEST(StackImage, NamesItsLayersAndAPath) {
  Fixture fixture;
  const auto manifest =
      assembleStackImage(fixture.blobs, fixture.stack.run.layers, store::Time(std::chrono::seconds(0)));
  EXPECT_EQ(manifest.blobs.size(), 2u);
  const auto config = fixture.configOf(manifest);
  EXPECT_EQ(config->getObject("rootfs")->getArray("diff_ids")->size(), 1u);
  EXPECT_EQ(config->getObject("config")->getArray("Env")->size(), 1u);
}

TEST(ReleaseImage, LabelsTellWhatMadeIt) {
  Fixture fixture;
  fixture.build = store::Build{.number = 7,
                               .user = "ada",
                               .buildpacks = {{"python", "Python", "https://example.org/p.git", "abc", "{}"}},
                               .stackImage = Digest::of("build manifest"),
                               .phaseMs = {{"compile", 12}}};
  const auto labels = fixture.configOf(fixture.assemble())->getObject("config")->getObject("Labels");
  EXPECT_EQ(labels->getValue<std::string>("fairlead.build"), "7");
  EXPECT_EQ(labels->getValue<std::string>("fairlead.pusher"), "ada");
  EXPECT_EQ(labels->getValue<std::string>("fairlead.stack.build"), Digest::of("build manifest").str());
  EXPECT_EQ(labels->getValue<std::string>("fairlead.build.phases"), "{\"compile\":12}");
  EXPECT_EQ(labels->getValue<std::string>("fairlead.buildpacks"),
            "[{\"name\":\"python\",\"description\":\"Python\",\"url\":\"https://example.org/p.git\","
            "\"version\":\"abc\",\"report\":\"{}\"}]");
}

}  // namespace
}  // namespace registry
