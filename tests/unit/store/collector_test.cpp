#include "store/collector.h"

#include <gmock/gmock.h>

#include <atomic>
#include <fstream>
#include <thread>

#include "store/registry_store.h"
#include "tests/unit/store/store_fixture.h"

namespace store {
namespace {

using std::chrono::hours;
using std::chrono::seconds;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::IsSupersetOf;
using ::testing::Not;
using ::testing::UnorderedElementsAre;

const RepositoryName kHello = RepositoryName::parse("hello");

std::vector<std::string> namesOf(const std::vector<Garbage>& all, Garbage::Kind kind) {
  std::vector<std::string> names;
  for (const Garbage& each : all) {
    if (each.kind == kind) names.push_back(each.name);
  }
  return names;
}

class CollectorTest : public StoreTest {
 protected:
  CollectorTest() { blobs_.leases().setLength(seconds(0)); }
  Digest putBytes(const std::string& bytes) { return putBlob(blobs_, bytes).digest; }
  bool isHere(const Digest& digest) const { return std::filesystem::exists(blobs_.path(digest)); }
  /// Everything at once: no grace, no leases.
  std::vector<Garbage> collect(Retention retention) {
    retention.grace = retention.lease = seconds(0);
    Collector collector(*store_, blobs_, retention);
    return collector.collect({});
  }
  std::vector<Garbage> collectAll() { return collect({.releases = 1, .age = seconds(0)}); }
  /// A layer's bytes are what the fixture's layerOf() has the digest of.
  void storeImage(const Manifest& manifest, const std::string& content) {
    putBytes(content + "config");
    putBytes("gz" + content);
    for (const Descriptor& blob : manifest.blobs)
      EXPECT_TRUE(isHere(blob.digest));
  }
  /// A release as a push leaves it, with all of its blobs.
  Release deploy(const App& app) {
    const NewRelease release = nextDeploy(app);
    storeImage(*release.image, "image " + app.name.str() + release.version.str());
    for (const char* layer : {"1", "2"})
      putBytes("gzslug" + release.version.str() + layer);
    const Release made = store_->createRelease(release);
    store_->setReleaseState(made.id, ReleaseState::succeeded);
    return made;
  }
  PushedManifest pushed(const std::string& bytes) {
    return {.manifest = {Digest::of(bytes), "type", bytes, {}},
            .children = {},
            .subject = {},
            .artifactType = {},
            .annotations = {}};
  }
  void put(const PushedManifest& manifest, const std::vector<std::string>& tags) {
    EXPECT_TRUE(rows_.putManifest(kHello, manifest, tags, MissingContent::refused).stored);
  }

  DiskBlobStore blobs_{folder_ / "blobs"};
  RegistryStore rows_{*store_};
};

TEST_F(CollectorTest, RemovesABlobWhenItsGraceIsOver) {
  const Digest blob = putBytes("layer");
  rows_.addBlob(kHello, {"", blob, 5});
  Collector collector(*store_, blobs_, {.age = seconds(0), .grace = seconds(60), .lease = seconds(0)});
  EXPECT_THAT(collector.collect({}), IsEmpty());
  clock_.advance(seconds(60));
  EXPECT_THAT(collector.collect({}), IsEmpty()) << "the repository lets go of it, and it waits";
  EXPECT_EQ(store_->blobSize(kHello, blob), std::nullopt);
  clock_.advance(seconds(59));
  EXPECT_THAT(collector.collect({}), IsEmpty());
  clock_.advance(seconds(1));
  const auto gone = collector.collect({});
  EXPECT_THAT(namesOf(gone, Garbage::Kind::blob), ElementsAre(blob.str()));
  EXPECT_EQ(gone.at(0).bytes, 5u);
  EXPECT_FALSE(isHere(blob));
  EXPECT_THAT(collector.collect({}), IsEmpty());
}

TEST_F(CollectorTest, ABlobThatIsNamedAgainStays) {
  const Digest blob = putBytes("layer");
  rows_.addBlob(kHello, {"", blob, 5});
  EXPECT_EQ(rows_.removeBlob(kHello, blob), Removal::removed);
  Collector collector(*store_, blobs_, {.age = seconds(0), .grace = seconds(60), .lease = seconds(0)});
  collector.collect({});
  clock_.advance(seconds(59));
  rows_.addBlob(kHello, {"", blob, 5});
  clock_.advance(seconds(1));
  EXPECT_THAT(collector.collect({}), IsEmpty());
  EXPECT_EQ(rows_.removeBlob(kHello, blob), Removal::removed);
  EXPECT_THAT(collector.collect({}), IsEmpty()) << "its grace begins anew";
  EXPECT_TRUE(isHere(blob));
}

TEST_F(CollectorTest, LeavesAloneWhatIsLeased) {
  const Digest old = putBytes("old");
  DiskBlobStore restarted(folder_ / "blobs");
  Collector collector(*store_, restarted, {.age = seconds(0), .grace = seconds(0), .lease = hours(1)});
  EXPECT_THAT(collector.collect({}), IsEmpty()) << "for a while after a start all is leased";
  restarted.leases().setLength(seconds(0));
  restarted.leases().setLength(hours(1));
  const Digest asked = putBytes("asked for");
  EXPECT_EQ(restarted.size(asked), 9u);
  const Digest stored = putBlob(restarted, "just stored, not named yet").digest;
  EXPECT_THAT(namesOf(collector.collect({}), Garbage::Kind::blob), ElementsAre(old.str()));
  EXPECT_TRUE(isHere(stored));
}

TEST_F(CollectorTest, FindsWhatNothingEverNamed) {
  const std::string hex = Digest::of("left by a kill").hex();
  std::filesystem::create_directories(folder_ / "blobs" / "sha256" / hex.substr(0, 2));
  std::ofstream(folder_ / "blobs" / "sha256" / hex.substr(0, 2) / hex) << "left by a kill";
  std::ofstream(folder_ / "blobs" / "sha256" / hex.substr(0, 2) / "notes.txt") << "an operator's";
  EXPECT_THAT(namesOf(collectAll(), Garbage::Kind::blob), ElementsAre("sha256:" + hex));
  EXPECT_TRUE(std::filesystem::exists(folder_ / "blobs" / "sha256" / hex.substr(0, 2) / "notes.txt"));
}

TEST_F(CollectorTest, KeepsTheNewestReleasesTheYoungAndTheOneThatServes) {
  const App app = makeApp();
  std::vector<Release> made;
  for (int i = 0; i < 5; ++i)
    made.push_back(deploy(app));  // v2 to v6
  EXPECT_THAT(collect({.releases = 1, .age = hours(1)}), IsEmpty()) << "all are young";
  clock_.advance(hours(2));
  const auto gone = collect({.releases = 3, .age = hours(1)});
  EXPECT_THAT(namesOf(gone, Garbage::Kind::release), ElementsAre("hello v2", "hello v3"));
  EXPECT_EQ(namesOf(gone, Garbage::Kind::manifest).size(), 2u);
  EXPECT_EQ(namesOf(gone, Garbage::Kind::blob).size(), 8u) << "two image blobs and two layers each";
  EXPECT_THAT(*store_->tags(kHello, "", 99), ElementsAre("git-1a2b3c4d5e6f", "latest", "v4", "v5", "v6"));
  EXPECT_EQ(store_->getRelease(app.id, {2}).description, "Deploy 1a2b3c4") << "it stays in the list";
  const Slug slug = store_->getSlug(*made[0].slug);
  EXPECT_TRUE(slug.collected);
  EXPECT_THAT(messageOf([&] { requireKept(slug); }), ::testing::HasSubstr("gc_keep_releases"));
  EXPECT_EQ(codeOf([&] {
              NewRelease back = nextRelease(app, "Rollback to v2");
              back.slug = slug.id;
              store_->createRelease(back);
            }),
            base::Errc::notFound);

  // v7 and v8 fail: v6 serves, however old it is.
  for (int i = 0; i < 2; ++i) {
    NewRelease broken = nextDeploy(app);
    broken.tags = {broken.version.str()};
    store_->setReleaseState(store_->createRelease(broken).id, ReleaseState::failed);
  }
  clock_.advance(hours(2));
  EXPECT_THAT(namesOf(collect({.releases = 1, .age = hours(1)}), Garbage::Kind::release),
              ElementsAre("hello v4", "hello v5", "hello v7"));
  EXPECT_THAT(*store_->tags(kHello, "", 99), ElementsAre("git-1a2b3c4d5e6f", "latest", "v6", "v8"));
  EXPECT_TRUE(isHere(Digest::of("gzslugv61")));
}

// Found by pushing while collections ran: the slug's row is there a moment before its release's.
TEST_F(CollectorTest, ASlugWaitsForItsRelease) {
  const App app = makeApp();
  const Slug slug = makeSlug(app);
  Collector collector(*store_, blobs_,
                      {.releases = 1, .age = seconds(0), .grace = seconds(0), .lease = seconds(9)});
  collector.collect({});
  EXPECT_FALSE(store_->getSlug(slug.id).collected);
  clock_.advance(seconds(9));
  collector.collect({});
  EXPECT_TRUE(store_->getSlug(slug.id).collected);
}

TEST_F(CollectorTest, ATagOfTheUsersKeepsAnImage) {
  const App app = makeApp();
  const Release first = deploy(app);
  deploy(app);
  const auto manifest = store_->findManifest(kHello, *first.manifest);
  put({.manifest = *manifest, .children = {}, .subject = {}, .artifactType = {}, .annotations = {}},
      {"mine"});
  EXPECT_THAT(namesOf(collectAll(), Garbage::Kind::manifest), IsEmpty());
  EXPECT_THAT(*store_->tags(kHello, "", 99), IsSupersetOf({"mine", "v3"}));
  EXPECT_TRUE(isHere(manifest->blobs[0].digest));
  EXPECT_EQ(rows_.removeTag(kHello, "mine"), Removal::removed);
  EXPECT_THAT(namesOf(collectAll(), Garbage::Kind::manifest), ElementsAre("hello@" + first.manifest->str()));
  EXPECT_FALSE(isHere(manifest->blobs[0].digest));
}

TEST_F(CollectorTest, KeepsWhatAnIndexNamesAndWhatPointsToIt) {
  put(pushed("child"), {});
  PushedManifest index = pushed("index");
  index.children = {Digest::of("child")};
  put(index, {"tag"});
  PushedManifest signature = pushed("signature of the child");
  signature.subject = Digest::of("child");
  put(signature, {});
  PushedManifest early = pushed("signature of nothing");
  early.subject = Digest::of("nothing");
  put(early, {});
  EXPECT_THAT(namesOf(collectAll(), Garbage::Kind::manifest),
              ElementsAre("hello@" + Digest::of("signature of nothing").str()));
  EXPECT_EQ(rows_.removeTag(kHello, "tag"), Removal::removed);
  EXPECT_THAT(namesOf(collectAll(), Garbage::Kind::manifest),
              UnorderedElementsAre("hello@" + Digest::of("index").str(), "hello@" + Digest::of("child").str(),
                                   "hello@" + Digest::of("signature of the child").str()))
      << "one after the other, in one collection";
}

TEST_F(CollectorTest, AnAppThatIsDestroyedLeavesNothing) {
  const App app = makeApp();
  deploy(app);
  const App other = makeApp("other");
  const Release kept = deploy(other);
  store_->destroyApp(app.id);
  EXPECT_EQ(namesOf(collectAll(), Garbage::Kind::blob).size(), 2u)
      << "the slug's layers are the other's, too";
  EXPECT_TRUE(isHere(Digest::of("gzslugv21")));
  EXPECT_TRUE(isHere(store_->findManifest(RepositoryName::parse("other"), *kept.manifest)->blobs[0].digest));
  store_->destroyApp(other.id);
  EXPECT_EQ(namesOf(collectAll(), Garbage::Kind::blob).size(), 4u);
  std::size_t left = 0;
  blobs_.forEach([&](const Digest&) { ++left; });
  EXPECT_EQ(left, 0u);
}

TEST_F(CollectorTest, APlanSaysWhatWouldGoAndChangesNothing) {
  const App app = makeApp();
  deploy(app);
  deploy(app);
  putBytes("a stray");
  clock_.advance(hours(1));
  const Retention retention{.releases = 1, .age = hours(1), .grace = hours(1), .lease = hours(1)};
  Collector collector(*store_, blobs_, retention);
  const auto planned = collector.plan();
  EXPECT_THAT(namesOf(planned, Garbage::Kind::release), ElementsAre("hello v2"));
  EXPECT_THAT(namesOf(planned, Garbage::Kind::blob), Contains(Digest::of("a stray").str()));
  EXPECT_THAT(*store_->tags(kHello, "", 99), Contains("v2"));
  EXPECT_FALSE(store_->getSlug(*store_->getRelease(app.id, {2}).slug).collected);
  const auto done = collect(retention);
  for (const auto kind : {Garbage::Kind::release, Garbage::Kind::manifest, Garbage::Kind::blob})
    EXPECT_THAT(namesOf(planned, kind), ::testing::UnorderedElementsAreArray(namesOf(done, kind)));
}

// Pushers of the same layers, as clients do it: ask whether the blob is here, send it when not, then name it;
// a collection with no grace runs all the time, and images go again as soon as they are there.
TEST_F(CollectorTest, NeverTakesWhatAPusherWasToldIsHere) {
  constexpr int kPushers = 4;
  constexpr int kRounds = 40;
  Collector collector(*store_, blobs_,
                      {.releases = 1, .age = seconds(0), .grace = seconds(0), .lease = seconds(0)});
  blobs_.leases().setLength(seconds(2));
  std::atomic<bool> done = false;
  std::atomic<std::size_t> collected = 0;
  std::jthread collecting([&] {
    while (!done)
      collected += collector.collect({}).size();
  });
  const auto pushOne = [&](int pusher, int round) {
    const std::string layer = "layer " + std::to_string(round % 3);
    const Digest digest = Digest::of(layer);
    blobs_.leases().renew(digest);
    if (!store_->blobSize(kHello, digest)) {
      putBytes(layer);
      rows_.addBlob(kHello, {"", digest, layer.size()});
    }
    PushedManifest image = pushed("image " + std::to_string(pusher) + "." + std::to_string(round));
    image.manifest.blobs = {{"x/y", digest, layer.size()}};
    const std::string tag = "t" + std::to_string(pusher);
    const PutResult result = rows_.putManifest(kHello, image, {tag}, MissingContent::refused);
    EXPECT_TRUE(result.stored);
    EXPECT_TRUE(isHere(digest)) << "named, and gone";
    if (round % 2 == 0) rows_.removeTag(kHello, tag);
  };
  {
    std::vector<std::jthread> pushers;
    for (int pusher = 0; pusher < kPushers; ++pusher)
      pushers.emplace_back([&, pusher] {
        for (int round = 0; round < kRounds; ++round)
          pushOne(pusher, round);
      });
  }
  done = true;
  collecting.join();
  EXPECT_GT(collected, 0u);
  const auto tags = store_->tags(kHello, "", 99);
  for (const std::string& tag : *tags) {
    const auto manifest = store_->findManifestByTag(kHello, tag);
    for (const Descriptor& blob : manifest->blobs)
      EXPECT_TRUE(isHere(blob.digest));
  }
}

}  // namespace
}  // namespace store
