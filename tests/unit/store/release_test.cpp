// Releases: one transaction each, numbered without a gap or a repetition.
#include <gmock/gmock.h>

#include <atomic>
#include <thread>

#include "store/detail/sqlite.h"
#include "tests/unit/store/store_fixture.h"

namespace store {
namespace {

using base::Errc;
using ::testing::HasSubstr;

const RepositoryName kHello = RepositoryName::parse("hello");

TEST_F(StoreTest, MakesAllOfAReleaseAtOnce) {
  const App app = makeApp();
  const NewRelease wanted = nextDeploy(app);
  const Release release = store_->createRelease(wanted);
  reopen();
  const Release found = store_->getRelease(app.id, {2});
  EXPECT_EQ(found.id, release.id);
  EXPECT_EQ(found.uuid, release.uuid);
  EXPECT_EQ(found.config, wanted.config);
  EXPECT_EQ(found.state, ReleaseState::pending);
  EXPECT_EQ(found.manifest, wanted.image->digest);
  EXPECT_EQ(found.slug, wanted.slug);
  for (const std::string& tag : wanted.tags) {
    EXPECT_EQ(store_->findManifestByTag(kHello, tag)->digest, wanted.image->digest) << tag;
  }
  EXPECT_TRUE(store_->blobSize(kHello, wanted.image->blobs[0].digest));
  const Build build = store_->getBuild(*wanted.succeededBuild);
  EXPECT_EQ(build.state, BuildState::succeeded);
  EXPECT_EQ(build.slug, *wanted.slug);
  EXPECT_EQ(build.finishedAt, clock_.now());
  EXPECT_EQ(store_->formation(app.id), *wanted.formation);
  EXPECT_EQ(store_->nextVersion(app.id).number, 3);
}

TEST_F(StoreTest, GivesBackASlugAsItWas) {
  const App app = makeApp();
  const Slug slug = makeSlug(app);
  const Slug found = store_->getSlug(slug.id);
  EXPECT_EQ(found.layers.size(), 2u);
  EXPECT_EQ(found.layers[1].diffId, layerOf("slug2").diffId);
  EXPECT_EQ(found.sizeBytes, 10u);
  EXPECT_EQ(found.processTypes, slug.processTypes);
  EXPECT_EQ(found.defaultConfig, slug.defaultConfig);
  EXPECT_EQ(store_->findSlug(app.id, slug.uuid)->id, slug.id);
  EXPECT_FALSE(store_->findSlug(makeApp("other").id, slug.uuid));
  EXPECT_EQ(store_->slugs(app.id, 5).size(), 1u);
}

TEST_F(StoreTest, ASlugsChecksumIsItsOnlyLayersOrIsSetLater) {
  const App app = makeApp();
  const Slug two = makeSlug(app);
  EXPECT_EQ(two.checksum, std::nullopt);
  const Slug one = store_->createSlug({.app = app.id, .layers = {layerOf("only")}});
  EXPECT_EQ(one.checksum, layerOf("only").blob.digest);
  EXPECT_EQ(store_->getSlug(one.id).checksum, one.checksum);
  store_->setSlugChecksum(two.id, Digest::of("both"));
  reopen();
  EXPECT_EQ(store_->getSlug(two.id).checksum, Digest::of("both"));
}

TEST_F(StoreTest, RemembersTreesThatWerePacked) {
  EXPECT_EQ(store_->findPackedTree(Digest::of("tree")), std::nullopt);
  store_->putPackedTree(Digest::of("tree"), layerOf("first"));
  store_->putPackedTree(Digest::of("tree"), layerOf("second"));
  reopen();
  const auto found = store_->findPackedTree(Digest::of("tree"));
  ASSERT_TRUE(found);
  EXPECT_EQ(found->blob.digest, layerOf("second").blob.digest);
  EXPECT_EQ(found->blob.sizeBytes, layerOf("second").blob.sizeBytes);
  EXPECT_EQ(found->diffId, layerOf("second").diffId);
}

TEST_F(StoreTest, KeepsConfigValuesByteForByte) {
  const App app = makeApp();
  NewRelease release = nextRelease(app);
  release.config = {
      {"EMPTY", ""}, {"LINES", "a\nb\r\n"}, {"LATIN1", "\xff\xfe"}, {"QUOTE", "'\"\\"}, {"UTF8", "ä€"}};
  store_->createRelease(release);
  EXPECT_EQ(store_->currentRelease(app.id).config, release.config);
}

TEST_F(StoreTest, RefusesANumberThatIsNotTheNext) {
  const App app = makeApp();
  const NewRelease first = nextRelease(app);
  const NewRelease second = nextRelease(app);
  store_->createRelease(first);
  EXPECT_EQ(codeOf([&] { store_->createRelease(second); }), Errc::conflict);
  EXPECT_THAT(messageOf([&] { store_->createRelease(second); }), HasSubstr("v2"));
  NewRelease far = nextRelease(app);
  far.version.number = 9;
  EXPECT_EQ(codeOf([&] { store_->createRelease(far); }), Errc::conflict);
  EXPECT_EQ(store_->releases(app.id, 10).size(), 2u);
}

// Every way that a release can be refused after its number is taken leaves nothing behind, the number
// included.
TEST_F(StoreTest, LeavesNothingOfARefusedRelease) {
  const App app = makeApp();
  const App other = makeApp("other");
  const NewRelease good = nextDeploy(app);
  const auto expectNothing = [&](const char* why, const NewRelease& bad, Errc code) {
    SCOPED_TRACE(why);
    EXPECT_EQ(codeOf([&] { store_->createRelease(bad); }), code);
    EXPECT_EQ(store_->nextVersion(app.id).number, 2);
    EXPECT_EQ(store_->releases(app.id, 10).size(), 1u);
    EXPECT_EQ(store_->tags(kHello, "", 10), std::nullopt);
    EXPECT_EQ(store_->getBuild(*good.succeededBuild).state, BuildState::building);
    EXPECT_TRUE(store_->formation(app.id).empty());
  };
  NewRelease bad = good;
  bad.slug = 999;
  expectNothing("no such slug", bad, Errc::notFound);
  bad = good;
  bad.slug = makeSlug(other).id;
  expectNothing("another app's slug", bad, Errc::notFound);
  bad = good;
  bad.image->bytes += "x";
  expectNothing("manifest with a wrong digest", bad, Errc::invalidArgument);
  bad = good;
  bad.tags.push_back("not a tag");
  expectNothing("bad tag", bad, Errc::invalidArgument);
  bad = good;
  bad.succeededBuild = makeBuild(other).id;
  expectNothing("another app's build", bad, Errc::invalidArgument);
  bad = good;
  bad.succeededBuild = 999;
  expectNothing("no such build", bad, Errc::notFound);
  bad = good;
  bad.formation = Formation{{"web", 1}, {"worker", -1}};
  expectNothing("negative quantity", bad, Errc::invalidArgument);
  EXPECT_EQ(store_->createRelease(good).version.number, 2);
}

TEST_F(StoreTest, RefusesTheReleaseOfACancelledBuild) {
  const App app = makeApp();
  const NewRelease release = nextDeploy(app);
  store_->endBuild(*release.succeededBuild, BuildState::cancelled, "cancelled by ada");
  EXPECT_EQ(codeOf([&] { store_->createRelease(release); }), Errc::conflict);
  EXPECT_EQ(store_->currentRelease(app.id).version.number, 1);
}

TEST_F(StoreTest, TakesTheNewestThatHasNotFailedAsCurrent) {
  const App app = makeApp();
  const Release second = store_->createRelease(nextRelease(app));
  store_->setReleaseState(second.id, ReleaseState::succeeded);
  const Release third = store_->createRelease(nextRelease(app));
  EXPECT_EQ(store_->currentRelease(app.id).version.number, 3);
  store_->setReleaseState(third.id, ReleaseState::failed);
  EXPECT_EQ(store_->currentRelease(app.id).version.number, 2);
  EXPECT_EQ(store_->nextVersion(app.id).number, 4) << "a failed release keeps its number";
}

TEST_F(StoreTest, LetsAReleaseEndOnce) {
  const App app = makeApp();
  const Release release = store_->createRelease(nextRelease(app));
  store_->setReleaseState(release.id, ReleaseState::succeeded);
  store_->setReleaseState(release.id, ReleaseState::succeeded);
  EXPECT_EQ(codeOf([&] { store_->setReleaseState(release.id, ReleaseState::failed); }), Errc::conflict);
  EXPECT_EQ(store_->getRelease(app.id, release.version).state, ReleaseState::succeeded);
}

TEST_F(StoreTest, RollsBackByAppending) {
  const App app = makeApp();
  const Release second = store_->createRelease(nextDeploy(app));
  const Release third = store_->createRelease(nextDeploy(app));
  NewRelease rollback = nextRelease(app, "Rollback to v2");
  rollback.slug = second.slug;
  rollback.config = second.config;
  rollback.image = store_->findManifest(kHello, *second.manifest);
  rollback.tags = {"v4", "latest"};
  store_->createRelease(rollback);
  const Release current = store_->currentRelease(app.id);
  EXPECT_EQ(current.version.number, 4);
  EXPECT_EQ(current.slug, second.slug);
  EXPECT_EQ(store_->findManifestByTag(kHello, "latest")->digest, *second.manifest);
  EXPECT_EQ(store_->findManifestByTag(kHello, "v3")->digest, *third.manifest);
  EXPECT_EQ(store_->releases(app.id, 2).front().description, "Rollback to v2");
}

TEST_F(StoreTest, ATarballSaysNothingAboutTheRef) {
  const App app = makeApp();
  store_->createRelease(nextDeploy(app));
  const TarballSource source{"https://example.com/x.tgz", base::Digest::of("x"), "Fix"};
  const Build build =
      store_->createBuild({.app = app.id, .commit = "v1.3.0", .ref = "", .user = "ada", .tarball = source});
  reopen();
  const auto found = store_->findBuild(app.id, build.uuid);
  ASSERT_TRUE(found && found->tarball);
  EXPECT_EQ(found->commit, "v1.3.0");
  EXPECT_EQ(found->tarball->url, source.url);
  EXPECT_EQ(found->tarball->checksum, source.checksum);
  EXPECT_EQ(found->tarball->description, source.description);
  EXPECT_FALSE(store_->findReleaseOfBuild(build.id));
  NewRelease release = nextRelease(app);
  release.succeededBuild = build.id;
  const Release made = store_->createRelease(release);
  EXPECT_EQ(store_->findReleaseOfBuild(build.id)->id, made.id);
  EXPECT_EQ(store_->deployedCommit(app.id)->commit, kCommit);
  EXPECT_FALSE(store_->builds(app.id, 2).back().tarball);
}

TEST_F(StoreTest, SaysWhatTheRefMustBe) {
  const App app = makeApp();
  EXPECT_FALSE(store_->deployedCommit(app.id));
  const Release deploy = store_->createRelease(nextDeploy(app));
  store_->createRelease(nextRelease(app));
  ASSERT_TRUE(store_->deployedCommit(app.id));
  EXPECT_EQ(store_->deployedCommit(app.id)->commit, kCommit);
  EXPECT_EQ(store_->deployedCommit(app.id)->ref, "refs/heads/main");
  store_->setReleaseState(deploy.id, ReleaseState::failed);
  EXPECT_FALSE(store_->deployedCommit(app.id));
}

TEST_F(StoreTest, TagsTheImageOfWhatServesAsLatest) {
  const App app = makeApp();
  const RepositoryName repository = RepositoryName::parse(app.name.str());
  const auto deploy = [&](ReleaseState state) {
    NewRelease wanted = nextDeploy(app);
    wanted.tags = {wanted.version.str()};
    const Release made = store_->createRelease(wanted);
    store_->setReleaseState(made.id, state);
    return *made.manifest;
  };
  const Release pending = store_->createRelease([&] {
    NewRelease wanted = nextDeploy(app);
    wanted.tags = {};
    return wanted;
  }());
  EXPECT_FALSE(store_->findManifestByTag(repository, "latest"));
  store_->setReleaseState(pending.id, ReleaseState::succeeded);
  EXPECT_EQ(store_->findManifestByTag(repository, "latest")->digest, *pending.manifest);
  const Digest serving = deploy(ReleaseState::succeeded);
  EXPECT_EQ(store_->findManifestByTag(repository, "latest")->digest, serving);
  deploy(ReleaseState::failed);
  EXPECT_EQ(store_->findManifestByTag(repository, "latest")->digest, serving);
}

TEST_F(StoreTest, ReplacesTheFormation) {
  const App app = makeApp();
  store_->setFormation(app.id, {{"web", 2}, {"worker", 1}});
  store_->setFormation(app.id, {{"web", 3}});
  EXPECT_EQ(store_->formation(app.id), (Formation{{"web", 3}}));
  EXPECT_EQ(codeOf([&] { store_->setFormation(app.id, {{"web", -1}}); }), Errc::invalidArgument);
  EXPECT_EQ(store_->formation(app.id), (Formation{{"web", 3}}));
}

TEST_F(StoreTest, ServesManyThreads) {
  constexpr int kThreads = 8;
  constexpr int kRounds = 5;
  std::vector<App> apps;
  for (int i = 0; i < kThreads; ++i)
    apps.push_back(makeApp("app-" + std::to_string(i)));
  std::vector<std::thread> threads;
  for (const App& app : apps) {
    threads.emplace_back([&] {
      for (int round = 0; round < kRounds; ++round) {
        store_->createRelease(nextDeploy(app));
        EXPECT_EQ(store_->currentRelease(app.id).version.number, round + 2);
        EXPECT_EQ(store_->apps().size(), static_cast<std::size_t>(kThreads));
      }
    });
  }
  for (auto& thread : threads)
    thread.join();
  for (const App& app : apps)
    EXPECT_EQ(store_->releases(app.id, 100).size(), kRounds + 1u);
}

// Threads that want the same number: one gets it, the others are told to assemble anew, none is lost.
TEST_F(StoreTest, GivesEachNumberToOneOfManyThreads) {
  constexpr int kThreads = 8;
  const App app = makeApp();
  std::atomic<int> made{0};
  std::atomic<int> conflicts{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < kThreads; ++i) {
    threads.emplace_back([&] {
      for (bool done = false; !done;) {
        try {
          store_->createRelease(nextRelease(app));
          ++made;
          done = true;
        } catch (const base::Error& error) {
          EXPECT_EQ(error.code(), Errc::conflict);
          ++conflicts;
        }
      }
    });
  }
  for (auto& thread : threads)
    thread.join();
  EXPECT_EQ(made, kThreads);
  const auto releases = store_->releases(app.id, 100);
  ASSERT_EQ(releases.size(), kThreads + 1u);
  for (std::size_t i = 0; i < releases.size(); ++i) {
    EXPECT_EQ(releases[i].version.number, static_cast<std::int64_t>(releases.size() - i));
  }
}

}  // namespace
}  // namespace store
