// Opening, apps, keys, tokens, builds, stacks and registry rows.
#include "store/release_store.h"

#include <gmock/gmock.h>
#include <sqlite3.h>
#include <sys/stat.h>

#include "store/detail/sqlite.h"
#include "tests/unit/store/old_database.h"
#include "tests/unit/store/store_fixture.h"

namespace store {
namespace {

using base::Errc;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

const RepositoryName kHello = RepositoryName::parse("hello");

TEST_F(StoreTest, KeepsItsFilesPrivate) {
  makeApp();
  for (const char* suffix : {"", "-wal", "-shm"}) {
    struct stat status {};
    ASSERT_EQ(::stat((file().string() + suffix).c_str(), &status), 0) << suffix;
    EXPECT_EQ(status.st_mode & 07777, 0600u) << suffix;
  }
}

TEST_F(StoreTest, SyncsEachCommitAndChecksForeignKeys) {
  detail::Connection connection(file());
  const auto pragma = [&](std::string_view sql) {
    auto rows = connection.query(sql);
    return rows.next() ? rows.text(0) : "";
  };
  EXPECT_EQ(pragma("PRAGMA journal_mode"), "wal");
  EXPECT_EQ(pragma("PRAGMA synchronous"), "2");
  EXPECT_EQ(pragma("PRAGMA foreign_keys"), "1");
  EXPECT_EQ(pragma("PRAGMA user_version"), std::to_string(detail::schemaFiles().size()));
  EXPECT_EQ(pragma("PRAGMA integrity_check"), "ok");
}

TEST_F(StoreTest, KeepsEverythingOverAReopen) {
  const App app = makeApp();
  reopen();
  EXPECT_EQ(store_->getApp(app.name).uuid, app.uuid);
  EXPECT_EQ(store_->getApp(app.id).createdAt, clock_.now());
}

TEST_F(StoreTest, KeepsAnAppsSettings) {
  const App app = makeApp();
  EXPECT_THAT(store_->settings(app.id), IsEmpty());
  store_->changeSettings(app.id, {{"a", "1"}, {"b", "2"}});
  store_->changeSettings(app.id, {{"a", std::nullopt}, {"b", "3"}, {"c", std::nullopt}});
  reopen();
  EXPECT_THAT(store_->settings(app.id), ElementsAre(::testing::Pair("b", "3")));
  store_->destroyApp(app.id);
  EXPECT_THAT(store_->settings(app.id), IsEmpty());
  EXPECT_EQ(codeOf([&] { store_->changeSettings(app.id, {{"a", "1"}}); }), Errc::notFound);
}

TEST_F(StoreTest, RefusesADatabaseOfANewerProgram) {
  store_.reset();
  detail::Connection(file()).runScript("PRAGMA user_version = 999");
  EXPECT_EQ(codeOf([&] { reopen(); }), Errc::conflict);
  EXPECT_THAT(messageOf([&] { reopen(); }), HasSubstr("newer Fairlead"));
}

TEST_F(StoreTest, RefusesAFileThatIsNoDatabase) {
  const auto other = folder_.write("other.db", std::string(8192, 'x'));
  EXPECT_EQ(codeOf([&] { ReleaseStore(other, clock_); }), Errc::corrupt);
}

TEST_F(StoreTest, CreatesAnAppWithItsFirstRelease) {
  const App app = makeApp();
  EXPECT_GT(app.id, 0);
  EXPECT_EQ(app.deployBranch, "");
  const Release release = store_->currentRelease(app.id);
  EXPECT_EQ(release.version.number, 1);
  EXPECT_EQ(release.description, "Initial release");
  EXPECT_EQ(release.state, ReleaseState::succeeded);
  EXPECT_EQ(release.user, "ada");
  EXPECT_EQ(release.stack, "debian-12");
  EXPECT_EQ(release.slug, std::nullopt);
  EXPECT_EQ(release.manifest, std::nullopt);
  EXPECT_EQ(store_->nextVersion(app.id).number, 2);
}

TEST_F(StoreTest, RefusesATakenName) {
  makeApp();
  EXPECT_EQ(codeOf([&] { makeApp(); }), Errc::alreadyExists);
  EXPECT_EQ(messageOf([&] { makeApp(); }), "Name hello is already taken");
}

TEST_F(StoreTest, NamesWhatIsNotFound) {
  EXPECT_EQ(store_->findApp(AppName::parse("absent")), std::nullopt);
  EXPECT_EQ(messageOf([&] { store_->getApp(AppName::parse("absent")); }), "There is no app absent");
  EXPECT_EQ(codeOf([&] { store_->getApp(7); }), Errc::notFound);
  EXPECT_EQ(codeOf([&] { store_->nextVersion(7); }), Errc::notFound);
  EXPECT_EQ(codeOf([&] { store_->currentRelease(7); }), Errc::notFound);
  EXPECT_EQ(codeOf([&] { store_->destroyApp(7); }), Errc::notFound);
  EXPECT_EQ(codeOf([&] { store_->setFormation(7, {{"web", 1}}); }), Errc::notFound);
  EXPECT_EQ(codeOf([&] { store_->setDeployBranch(7, "refs/heads/main"); }), Errc::notFound);
  EXPECT_EQ(codeOf([&] { store_->createBuild({.app = 7}); }), Errc::notFound);
  EXPECT_EQ(codeOf([&] { store_->createSlug({.app = 7}); }), Errc::notFound);
  EXPECT_EQ(codeOf([&] { store_->getSlug(7); }), Errc::notFound);
  EXPECT_EQ(codeOf([&] { store_->getBuild(7); }), Errc::notFound);
  EXPECT_EQ(codeOf([&] { store_->removeKey("SHA256:x"); }), Errc::notFound);
  EXPECT_EQ(codeOf([&] { store_->removeToken(7); }), Errc::notFound);
  EXPECT_EQ(codeOf([&] { store_->setReleaseState(7, ReleaseState::failed); }), Errc::notFound);
}

TEST_F(StoreTest, ListsAppsByName) {
  makeApp("b");
  makeApp("a");
  std::vector<std::string> names;
  for (const App& app : store_->apps())
    names.push_back(app.name.str());
  EXPECT_THAT(names, ElementsAre("a", "b"));
}

TEST_F(StoreTest, RemembersTheDeployBranch) {
  const App app = makeApp();
  store_->setDeployBranch(app.id, "refs/heads/trunk");
  EXPECT_EQ(store_->getApp(app.id).deployBranch, "refs/heads/trunk");
}

TEST_F(StoreTest, SwitchesFeaturesOnAndOff) {
  const App app = makeApp();
  const App other = makeApp("other");
  EXPECT_THAT(store_->features(app.id), IsEmpty());
  store_->enableFeature(app.id, "warp");
  store_->enableFeature(app.id, "warp");
  store_->enableFeature(app.id, "glow");
  EXPECT_THAT(store_->features(app.id), ElementsAre("glow", "warp"));
  EXPECT_THAT(store_->features(other.id), IsEmpty());
  store_->disableFeature(app.id, "warp");
  store_->disableFeature(app.id, "warp");
  EXPECT_THAT(store_->features(app.id), ElementsAre("glow"));
  EXPECT_EQ(codeOf([&] { store_->enableFeature(7, "warp"); }), Errc::notFound);
}

TEST_F(StoreTest, DestroysAnAppWithAllThatHangsOnIt) {
  const App app = makeApp();
  const App other = makeApp("other");
  store_->createRelease(nextDeploy(app));
  store_->createRelease(nextDeploy(app));
  store_->createRelease(nextDeploy(other));
  store_->setBuildPhases(store_->builds(app.id, 1).front().id, {{"compile", 12}});
  store_->destroyApp(app.id);
  EXPECT_EQ(store_->findApp(app.name), std::nullopt);
  EXPECT_EQ(store_->tags(kHello, "", 10), std::nullopt);
  EXPECT_EQ(store_->blobSize(kHello, layerOf("image hellov2").blob.digest), std::nullopt);
  EXPECT_THAT(store_->builds(app.id, 10), IsEmpty());
  EXPECT_EQ(store_->releases(other.id, 10).size(), 2u);
  EXPECT_EQ(store_->referencedBlobs().size(),
            4u);  // the other app's: two slug layers, config and layer of its image
  detail::Connection connection(file());
  auto violations = connection.query("PRAGMA foreign_key_check");
  EXPECT_FALSE(violations.next());
  for (const char* table : {"slug_layers", "slug_config", "release_config", "build_phases", "formations"}) {
    auto rows = connection.query(std::string("SELECT count(*) FROM ") + table);
    ASSERT_TRUE(rows.next());
    EXPECT_LE(rows.integer(0), 2) << table;
  }
}

TEST_F(StoreTest, NeverGivesAnAppsIdAgain) {
  const App first = makeApp();
  store_->destroyApp(first.id);
  EXPECT_NE(makeApp().id, first.id);
}

TEST_F(StoreTest, KeepsKeys) {
  const Key key{"SHA256:abc", "ssh-ed25519 AAAA", "ada@laptop", "ada", clock_.now()};
  store_->addKey(key);
  EXPECT_EQ(store_->findKey("SHA256:abc")->publicKey, "ssh-ed25519 AAAA");
  Key again = key;
  again.user = "bob";
  EXPECT_EQ(messageOf([&] { store_->addKey(again); }), "This key is already registered for user ada");
  again.fingerprint = "SHA256:def";
  again.user = "Zoe";
  EXPECT_THAT(messageOf([&] { store_->addKey(again); }), HasSubstr("fairlead users:create Zoe"));
  AccountStore(*store_).createUser("Zoe", Role::member);
  store_->addKey(again);
  EXPECT_EQ(store_->keys().size(), 2u);
  EXPECT_EQ(store_->keys().front().user, "Zoe");
  store_->removeKey("SHA256:abc");
  EXPECT_EQ(store_->findKey("SHA256:abc"), std::nullopt);
}

TEST_F(StoreTest, KeepsTokensByTheirHash) {
  const NewToken laptop{.user = "ada", .description = "laptop", .secretHash = std::string(64, 'a')};
  const Token token = store_->addToken(laptop);
  EXPECT_EQ(store_->findToken(std::string(64, 'a'))->user, "ada");
  EXPECT_EQ(store_->findToken(token.id)->kind, TokenKind::full);
  EXPECT_EQ(store_->findToken(std::string(64, 'b')), std::nullopt);
  EXPECT_EQ(codeOf([&] { store_->addToken(laptop); }), Errc::alreadyExists);
  EXPECT_EQ(store_->tokens().size(), 1u);
  store_->removeToken(token.id);
  EXPECT_EQ(store_->findToken(std::string(64, 'a')), std::nullopt);
  EXPECT_EQ(store_->findToken(token.id), std::nullopt);
}

TEST_F(StoreTest, AnAppsTokenGoesWithIt) {
  const App app = store_->createApp({AppName::parse("hello"), "debian-12", "ada"});
  const Token token = store_->addToken({.user = "ada",
                                        .description = "nodes",
                                        .secretHash = std::string(64, 'a'),
                                        .kind = TokenKind::pull,
                                        .app = app.id,
                                        .expiresAt = clock_.now() + std::chrono::hours(1)});
  const Token found = *store_->findToken(token.id);
  EXPECT_EQ(found.kind, TokenKind::pull);
  EXPECT_EQ(found.app->str(), "hello");
  EXPECT_EQ(found.expiresAt, clock_.now() + std::chrono::hours(1));
  EXPECT_EQ(found.createdAt, clock_.now());
  store_->destroyApp(app.id);
  EXPECT_EQ(store_->findToken(token.id), std::nullopt);
}

TEST_F(StoreTest, NumbersBuildsWithinTheApp) {
  const App app = makeApp();
  const App other = makeApp("other");
  EXPECT_EQ(makeBuild(app).number, 1);
  EXPECT_EQ(makeBuild(other).number, 1);
  EXPECT_EQ(makeBuild(app).number, 2);
  EXPECT_EQ(store_->getBuild(app.id, 2).state, BuildState::queued);
  ASSERT_EQ(store_->builds(app.id, 10).size(), 2u);
  EXPECT_EQ(store_->builds(app.id, 10).front().number, 2);
  EXPECT_EQ(store_->builds(app.id, 1).size(), 1u);
}

TEST_F(StoreTest, TakesABuildThroughItsStates) {
  const Build build = makeBuild(makeApp());
  store_->startBuild(build.id);
  EXPECT_EQ(store_->getBuild(build.id).state, BuildState::building);
  EXPECT_EQ(codeOf([&] { store_->startBuild(build.id); }), Errc::conflict);
  const std::vector<BuildpackUse> used = {
      {"nodejs", "Node.js", "", "", ""},
      {"python", "Python", "https://example.org/python.git", std::string(40, 'a'), "{\"version\": 3}"}};
  store_->setBuildpacksUsed(build.id, used);
  store_->setStackImage(build.id, Digest::of("stack"));
  store_->setBuildPhases(build.id, {{"detect", 5}});
  store_->setBuildPhases(build.id, {{"detect", 5}, {"compile", 1200}});
  clock_.advance(std::chrono::seconds(3));
  store_->endBuild(build.id, BuildState::failed, "the buildpack's compile failed (exit status 1)");
  const Build ended = store_->getBuild(build.id);
  EXPECT_EQ(ended.state, BuildState::failed);
  EXPECT_EQ(ended.buildpack, "Node.js, Python");
  EXPECT_EQ(ended.buildpacks, used);
  EXPECT_EQ(ended.stackImage, Digest::of("stack"));
  EXPECT_EQ(ended.failure, "the buildpack's compile failed (exit status 1)");
  EXPECT_EQ(ended.phaseMs.at("compile"), 1200);
  EXPECT_EQ(ended.finishedAt, clock_.now());
  EXPECT_EQ(codeOf([&] { store_->endBuild(build.id, BuildState::cancelled, ""); }), Errc::conflict);
  EXPECT_EQ(messageOf([&] { store_->startBuild(build.id); }), "Build 1 has already ended: failed");
}

TEST_F(StoreTest, FailsBuildsThatAStopInterrupted) {
  const App app = makeApp();
  const Build queued = makeBuild(app);
  const Build building = makeBuild(app);
  const Build cancelled = makeBuild(app);
  store_->startBuild(building.id);
  store_->endBuild(cancelled.id, BuildState::cancelled, "cancelled by ada");
  reopen();
  const auto interrupted = store_->failInterruptedBuilds();
  ASSERT_EQ(interrupted.size(), 2u);
  EXPECT_EQ(interrupted[0].state, BuildState::queued);
  EXPECT_EQ(interrupted[1].state, BuildState::building);
  EXPECT_EQ(store_->getBuild(queued.id).state, BuildState::failed);
  EXPECT_EQ(store_->getBuild(building.id).failure, "interrupted");
  EXPECT_EQ(store_->getBuild(cancelled.id).failure, "cancelled by ada");
  EXPECT_THAT(store_->failInterruptedBuilds(), IsEmpty());
}

TEST_F(StoreTest, ReplacesAStackAsAWhole) {
  const StackImage one{{layerOf("a"), layerOf("b")}, Digest::of("one")};
  const StackImage two{{layerOf("c")}, Digest::of("two")};
  store_->putStack({"debian-12", one, two, clock_.now()});
  store_->putStack({"debian-12", two, one, clock_.now()});
  store_->putStack({"alpine", one, one, clock_.now()});
  const auto stack = store_->findStack("debian-12");
  ASSERT_TRUE(stack);
  EXPECT_EQ(stack->build.manifest, Digest::of("two"));
  ASSERT_EQ(stack->run.layers.size(), 2u);
  EXPECT_EQ(stack->run.layers[1].diffId, Digest::of("b"));
  EXPECT_EQ(store_->stacks().front().name, "alpine");
  EXPECT_EQ(store_->findStack("absent"), std::nullopt);
}

TEST_F(StoreTest, MovesTagsAndKeepsOldManifests) {
  store_->putManifest(kHello, manifestOf("one"), {"v1", "latest"});
  store_->putManifest(kHello, manifestOf("two"), {"v2", "latest"});
  store_->putManifest(kHello, manifestOf("two"), {"again"});
  EXPECT_EQ(store_->findManifestByTag(kHello, "latest")->bytes, "two");
  EXPECT_EQ(store_->findManifestByTag(kHello, "v1")->bytes, "one");
  EXPECT_EQ(store_->findManifestByTag(kHello, "v3"), std::nullopt);
  const auto manifest = store_->findManifest(kHello, Digest::of("one"));
  ASSERT_TRUE(manifest);
  EXPECT_EQ(manifest->blobs.size(), 2u);
  EXPECT_EQ(manifest->blobs[1].sizeBytes, 3u);
  EXPECT_EQ(store_->findManifest(RepositoryName::parse("other"), Digest::of("one")), std::nullopt);
}

TEST_F(StoreTest, PagesTagsAndRepositories) {
  store_->putManifest(kHello, manifestOf("one"), {"c", "a", "B", "b"});
  store_->putManifest(RepositoryName::parse("stacks/debian-12"), manifestOf("one"), {"run"});
  EXPECT_THAT(*store_->tags(kHello, "", 10), ElementsAre("B", "a", "b", "c"));
  EXPECT_THAT(*store_->tags(kHello, "a", 1), ElementsAre("b"));
  EXPECT_THAT(*store_->tags(kHello, "c", 9), IsEmpty());
  EXPECT_EQ(store_->tags(RepositoryName::parse("other"), "", 10), std::nullopt);
  EXPECT_EQ(store_->repositories("", 10).size(), 2u);
  EXPECT_EQ(store_->repositories("hello", 10).front().str(), "stacks/debian-12");
}

TEST_F(StoreTest, ShowsABlobOnlyThroughItsRepository) {
  store_->putManifest(kHello, manifestOf("one"), {"v1"});
  store_->putManifest(RepositoryName::parse("other"), manifestOf("two"), {"v1"});
  const Digest digest = layerOf("one").blob.digest;
  ASSERT_TRUE(store_->blobSize(kHello, digest));
  EXPECT_EQ(store_->blobSize(kHello, digest), 3u);
  EXPECT_EQ(store_->blobSize(RepositoryName::parse("other"), digest), std::nullopt);
}

TEST_F(StoreTest, RefusesManifestsThatLie) {
  Manifest manifest = manifestOf("one");
  manifest.bytes += " ";
  EXPECT_EQ(codeOf([&] { store_->putManifest(kHello, manifest, {}); }), Errc::invalidArgument);
  EXPECT_EQ(codeOf([&] {
              store_->putManifest(kHello, manifestOf("one"), {"v1", "-bad"});
            }),
            Errc::invalidArgument);
  EXPECT_EQ(store_->tags(kHello, "", 10), std::nullopt);
}

TEST_F(StoreTest, ADamagedManifestIsNotThereUntilItIsStoredAgain) {
  store_->putManifest(kHello, manifestOf("one"), {"v1"});
  detail::Connection(file()).runScript("UPDATE manifests SET bytes = x'00'");
  reopen();
  EXPECT_FALSE(store_->findManifestByTag(kHello, "v1").has_value());
  store_->putManifest(kHello, manifestOf("one"), {});
  EXPECT_EQ(store_->findManifestByTag(kHello, "v1")->bytes, "one");
}

TEST_F(StoreTest, KnowsTheRunImagesThatAStackHad) {
  const App app = makeApp();
  const StackImage old{{layerOf("a"), layerOf("b")}, Digest::of("old")};
  const StackImage young{{layerOf("c")}, Digest::of("young")};
  store_->putStack({"debian-12", young, old, clock_.now()});
  NewRelease wanted = nextDeploy(app);
  wanted.runImage = old.manifest;
  store_->createRelease(wanted);
  store_->putStack({"debian-12", old, young, clock_.now(), "heroku-22"});
  reopen();
  EXPECT_EQ(store_->findStack("debian-12")->variable(), "heroku-22");
  const auto pinned = store_->getRelease(app.id, {2}).runImage;
  ASSERT_EQ(pinned, old.manifest);
  const auto image = store_->findRunImage(*pinned);
  ASSERT_TRUE(image);
  ASSERT_EQ(image->layers.size(), 2u);
  EXPECT_EQ(image->layers[1].diffId, Digest::of("b"));
  EXPECT_FALSE(store_->findRunImage(Digest::of("absent")));
  EXPECT_FALSE(store_->getRelease(app.id, {1}).runImage) << "no slug, no base";
  store_->putStack({"debian-12", young, young, clock_.now()});
  EXPECT_THAT(store_->referencedBlobs(), ::testing::Contains(layerOf("b").blob.digest));
}

TEST_F(StoreTest, SetsAnAppsStack) {
  const App app = makeApp();
  store_->setStack(app.id, "alpine");
  EXPECT_EQ(store_->getApp(app.id).stack, "alpine");
  EXPECT_EQ(codeOf([&] { store_->setStack(app.id + 1, "alpine"); }), Errc::notFound);
}

TEST_F(StoreTest, PinsReleasesOfAnOlderDatabaseToWhatTheirStackHasNow) {
  const std::filesystem::path older = folder_ / "older.db";
  {
    OldDatabase connection(older, 5);
    const std::string digest = Digest::of("x").str();
    connection.runScript(
        "INSERT INTO apps (id, uuid, name, stack, owner, last_version, created_at) "
        "VALUES (1, 'a', 'hello', 'one', 'ada', 2, 0);"
        "INSERT INTO slugs (id, uuid, app, commit_id, stack, buildpack, size_bytes, created_at) "
        "VALUES (1, 's', 1, '', 'one', '', 0, 0);"
        "INSERT INTO releases (uuid, app, version, slug, stack, description, user, state, created_at) "
        "VALUES ('r1', 1, 1, NULL, 'one', '', 'ada', 'succeeded', 0), "
        "('r2', 1, 2, 1, 'one', '', 'ada', 'succeeded', 0);"
        "INSERT INTO stacks VALUES ('one', '" +
        digest + "', '" + digest + "', 0), ('two', '" + digest + "', '" + digest +
        "', 0);"
        "INSERT INTO stack_layers VALUES ('one', 'run', 0, 't', '" +
        digest + "', 1, '" + digest + "'), ('two', 'run', 0, 't', '" + digest + "', 1, '" + digest + "');");
  }
  ReleaseStore store(older, clock_);
  EXPECT_FALSE(store.getRelease(1, {1}).runImage);
  EXPECT_EQ(store.getRelease(1, {2}).runImage, Digest::of("x"));
  EXPECT_EQ(store.findRunImage(Digest::of("x"))->layers.size(), 1u);
  EXPECT_EQ(store.findStack("two")->variable(), "two");
}

TEST_F(StoreTest, ListsEveryBlobThatARowNeeds) {
  const App app = makeApp();
  makeSlug(app, "s");
  store_->putStack(
      {"debian-12", {{layerOf("a")}, Digest::of("m")}, {{layerOf("a")}, Digest::of("m")}, clock_.now()});
  store_->putManifest(kHello, manifestOf("a"), {});
  const auto digests = store_->referencedBlobs();
  EXPECT_THAT(digests, ::testing::UnorderedElementsAre(layerOf("s1").blob.digest, layerOf("s2").blob.digest,
                                                       layerOf("a").blob.digest, Digest::of("aconfig")));
}

}  // namespace
}  // namespace store
