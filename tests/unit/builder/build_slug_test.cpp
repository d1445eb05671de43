// What a build's slug is.
#include "tests/unit/builder/build_fixture.h"

namespace builder {
namespace {

TEST_F(BuildTest, SlugTooLargeNamesTheSetting) {
  input.limits.slugBytes = 10;
  source("a.txt", "some text");
  runtime.queueRun("0\nX\n");
  EXPECT_THAT(fail(), testing::AllOf(StartsWith("Compiled slug size"), HasSubstr("slug_max_bytes")));
}

TEST_F(BuildTest, SameTreeSameSlug) {
  std::vector<store::Digest> digests;
  for (int i = 0; i < 2; ++i) {
    input.id = "hello-b" + std::to_string(i);
    source("b/run.sh", "echo");
    source("a.txt", "text");
    source(".git/HEAD", "ref");
    fs::permissions(input.source / "b/run.sh", fs::perms(0755));
    fs::last_write_time(input.source / "a.txt", fs::file_time_type::clock::now() - std::chrono::hours(i));
    runtime.queueRun("0\nX\n");
    digests.push_back(succeed().layers.at(0).blob.digest);
  }
  EXPECT_EQ(digests[0], digests[1]);
  base::unpackTar(*blobs.open(digests[0]), folder.path(), {.keepOwners = false});
  EXPECT_EQ(folder.read("app/a.txt"), "text");
  EXPECT_EQ(fs::status(folder / "app/b/run.sh").permissions(), fs::perms(0755));
  EXPECT_FALSE(fs::exists(folder / "app/.git"));
}

TEST_F(BuildTest, TheSettingChoosesTheCompressionAndNothingIsMixed) {
  const auto buildAs = [&](store::Compression compression) {
    config.slugCompression = compression;
    source("Procfile", "web: x");
    runtime.queueRun("0\nX\n");
    return succeed();
  };
  const auto gzip = buildAs(store::Compression::gzip);
  const auto zstd = buildAs(store::Compression::zstd);
  ASSERT_EQ(zstd.layers.size(), gzip.layers.size());
  for (std::size_t i = 0; i < zstd.layers.size(); ++i) {
    EXPECT_EQ(gzip.layers[i].blob.mediaType, store::LayerWriter::kGzipLayer);
    EXPECT_EQ(zstd.layers[i].blob.mediaType, store::LayerWriter::kZstdLayer);
    EXPECT_EQ(zstd.layers[i].diffId, gzip.layers[i].diffId);
  }
  EXPECT_EQ(buildAs(store::Compression::gzip).layers[0].blob.digest, gzip.layers[0].blob.digest);
}

TEST_F(BuildTest, APushOfCodeOnlyStoresTheCodesLayerOnly) {
  std::string code = "first";
  const auto push = [&](const std::string& id) {
    input.id = id;
    source("server.js", code);
    runtime.queueRun("0\nX\n");
    runtime.onRun([&](const ContainerSpec& spec, base::ByteSink&, const sandbox::RunOptions&) {
      const fs::path build = mountAt(spec, spec.argv.at(4));
      if (phaseOf(spec) == "compile") {
        folder.write(fs::relative(build / ".heroku/node/bin/node", folder.path()).string(),
                     std::string(3 << 20, 'n'));
        folder.write(fs::relative(build / "node_modules/koa/index.js", folder.path()).string(),
                     std::string(1 << 20, 'k'));
      }
      return RunResult{};
    });
    return succeed();
  };
  const auto first = push("hello-b1");
  ASSERT_EQ(first.layers.size(), 3u);
  EXPECT_THAT(output.text, Not(HasSubstr("New: ")));
  const auto stored = blobs.count();

  code = "second";
  const auto second = push("hello-b2");
  ASSERT_EQ(second.layers.size(), 3u);
  EXPECT_EQ(second.layers[0].blob.digest, first.layers[0].blob.digest);
  EXPECT_EQ(second.layers[1].blob.digest, first.layers[1].blob.digest);
  EXPECT_NE(second.layers[2].blob.digest, first.layers[2].blob.digest);
  EXPECT_EQ(blobs.count(), stored + 1);
  EXPECT_THAT(output.text, HasSubstr("in 1 of 3 layers\n"));

  // Another machine, where nothing was packed yet, gives the same.
  packed.clear();
  const auto elsewhere = push("hello-b3");
  for (std::size_t i = 0; i < 3; ++i)
    EXPECT_EQ(elsewhere.layers[i].blob.digest, second.layers[i].blob.digest);

  // A layer that the index knows and nobody has any more is made again.
  blobs.remove(second.layers[0].blob.digest);
  const auto healed = push("hello-b4");
  EXPECT_TRUE(blobs.size(second.layers[0].blob.digest).has_value());
  EXPECT_EQ(healed.layers[0].blob.digest, second.layers[0].blob.digest);

  // The layers one behind the other are one archive.
  std::string whole;
  for (const auto& layer : second.layers)
    whole += blobs.bytes(layer.blob.digest);
  const fs::path file = folder.write("whole.tgz", whole);
  base::mustRun({"tar", "-xzf", file.string(), "-C", folder.path().string()});
  EXPECT_EQ(folder.read("app/server.js"), "second");
  EXPECT_EQ(folder.read("app/node_modules/koa/index.js"), std::string(1 << 20, 'k'));
  fs::create_directory(folder / "own");
  for (const auto& layer : second.layers)
    base::unpackTar(*blobs.open(layer.blob.digest), folder / "own", {.keepOwners = false});
  EXPECT_EQ(folder.read("own/app/.heroku/node/bin/node"), std::string(3 << 20, 'n'));
}

TEST_F(BuildTest, ALargeSlugGetsAWarning) {
  config.slugWarnBytes = 10;
  source("a.txt", "some text");
  runtime.queueRun("0\nX\n");
  succeed();
  EXPECT_THAT(output.text,
              HasSubstr(" !     Warning: the slug is larger than 10B (setting slug_warn_bytes)"));
}

}  // namespace
}  // namespace builder
