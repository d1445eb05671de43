#include "store/pending_slug_store.h"

#include <gmock/gmock.h>

#include "store/collector.h"
#include "store/detail/sqlite.h"
#include "store/event_store.h"
#include "tests/support/killer.h"
#include "tests/unit/store/old_database.h"
#include "tests/unit/store/store_fixture.h"

namespace store {
namespace {

using base::Errc;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

class PendingSlugStoreTest : public StoreTest {
 protected:
  PendingSlug wish(const App& app) const {
    return {.app = app.id,
            .user = "ada",
            .commit = kCommit,
            .commitDescription = "Fix",
            .stack = "debian-12",
            .buildpack = "by hand",
            .checksum = Digest::of("x"),
            .processTypes = {{"web", "serve"}, {"worker", "work"}},
            .expiresAt = clock_.now() + std::chrono::hours(1)};
  }
  std::int64_t rows() {
    detail::Connection connection(file());
    auto rows = connection.query(
        "SELECT (SELECT count(*) FROM pending_slugs) + (SELECT count(*) FROM pending_slug_process_types)");
    rows.next();
    return rows.integer(0);
  }

  PendingSlugStore pending_{*store_};
};

TEST_F(PendingSlugStoreTest, IsNoSlugUntilItIsFilled) {
  const App app = makeApp();
  const PendingSlug announced = pending_.announce(wish(app), 10);
  EXPECT_EQ(announced.uuid.size(), 36u);
  const auto found = pending_.find(announced.uuid);
  ASSERT_TRUE(found);
  EXPECT_EQ(found->app, app.id);
  EXPECT_EQ(found->user, "ada");
  EXPECT_EQ(found->checksum, Digest::of("x"));
  EXPECT_EQ(found->processTypes, announced.processTypes);
  EXPECT_EQ(found->expiresAt, announced.expiresAt);
  EXPECT_FALSE(store_->findSlug(announced.uuid));
  EXPECT_TRUE(store_->slugs(app.id, 10).empty());

  const Slug slug = pending_.fill(announced.uuid, {{layerOf("a"), layerOf("b")}});
  EXPECT_EQ(slug.uuid, announced.uuid);
  EXPECT_EQ(rows(), 0);
  EXPECT_FALSE(pending_.find(announced.uuid));
  const auto kept = store_->findSlug(app.id, announced.uuid);
  ASSERT_TRUE(kept);
  EXPECT_EQ(kept->layers.size(), 2u);
  EXPECT_EQ(kept->commit, kCommit);
  EXPECT_EQ(kept->commitDescription, "Fix");
  EXPECT_EQ(kept->buildpack, "by hand");
  EXPECT_EQ(kept->stack, "debian-12");
  EXPECT_EQ(kept->processTypes, announced.processTypes);
  EXPECT_EQ(kept->sizeBytes, layerOf("a").blob.sizeBytes + layerOf("b").blob.sizeBytes);
  EXPECT_EQ(codeOf([&] { pending_.fill(announced.uuid, {{layerOf("a")}}); }), Errc::notFound);
}

TEST_F(PendingSlugStoreTest, NamesTheSettingAtTheLimit) {
  const App app = makeApp();
  const App other = makeApp("other");
  pending_.announce(wish(app), 2);
  pending_.announce(wish(app), 2);
  EXPECT_EQ(codeOf([&] { pending_.announce(wish(app), 2); }), Errc::overloaded);
  EXPECT_THAT(messageOf([&] { pending_.announce(wish(app), 2); }), HasSubstr("slug_uploads_max"));
  pending_.announce(wish(other), 2);
  clock_.advance(std::chrono::hours(1) + std::chrono::seconds(1));
  pending_.announce(wish(app), 2);
}

TEST_F(PendingSlugStoreTest, WhatIsNotFilledInTimeGoes) {
  const App app = makeApp();
  const PendingSlug announced = pending_.announce(wish(app), 10);
  DiskBlobStore blobs(folder_ / "blobs");
  Collector collector(*store_, blobs, {});
  clock_.advance(std::chrono::hours(1));
  EXPECT_TRUE(pending_.find(announced.uuid));
  clock_.advance(std::chrono::seconds(1));
  EXPECT_FALSE(pending_.find(announced.uuid));
  collector.collect({});
  EXPECT_EQ(rows(), 3) << "what came in time may still be unpacked";
  clock_.advance(PendingSlugStore::kWorkTime);
  collector.plan();
  EXPECT_EQ(rows(), 3) << "a plan changes nothing";
  collector.collect({});
  EXPECT_EQ(rows(), 0);

  pending_.announce(wish(app), 10);
  clock_.advance(std::chrono::hours(3));
  pending_.announce(wish(app), 10);
  EXPECT_EQ(rows(), 3) << "also without a collection";
  store_->destroyApp(app.id);
  EXPECT_EQ(rows(), 0);
}

TEST_F(PendingSlugStoreTest, WhatCameInTimeIsTakenAfterIt) {
  const App app = makeApp();
  const PendingSlug announced = pending_.announce(wish(app), 10);
  clock_.advance(std::chrono::hours(1) + std::chrono::minutes(5));
  EXPECT_EQ(pending_.fill(announced.uuid, {{layerOf("a")}}).uuid, announced.uuid);
}

TEST_F(PendingSlugStoreTest, IsTold) {
  const App app = makeApp();
  EventStore events(*store_);
  const PendingSlug announced = pending_.announce(wish(app), 10);
  EXPECT_EQ(events.newest(app.id, 1).at(0).kind, "slug.create");
  EXPECT_THAT(events.newest(app.id, 1).at(0).sentence, HasSubstr(announced.uuid));
  pending_.fill(announced.uuid, {{layerOf("a")}});
  const Event uploaded = events.newest(app.id, 1).at(0);
  EXPECT_EQ(uploaded.kind, "slug.upload");
  EXPECT_THAT(uploaded.sentence, HasSubstr(announced.uuid));
  makeSlug(app);
  EXPECT_EQ(events.newest(app.id, 1).at(0).id, uploaded.id) << "what builds make is told with the build";
}

TEST_F(PendingSlugStoreTest, AKillLeavesItPendingOrFilled) {
  if (!testing_support::canKill()) GTEST_SKIP() << "no ptrace here";
  const App app = makeApp();
  const PendingSlug announced = pending_.announce(wish(app), 10);
  store_.reset();
  bool killed = true;
  bool filled = false;
  for (int step = 1; killed && !filled; ++step) {
    killed = testing_support::runAndKill(step, [&] {
               ReleaseStore store(file(), clock_);
               PendingSlugStore(store).fill(announced.uuid, {{layerOf("a")}});
               return 0;
             }).killed;
    ReleaseStore store(file(), clock_);
    const auto slug = store.findSlug(app.id, announced.uuid);
    filled = slug.has_value();
    ASSERT_NE(filled, PendingSlugStore(store).find(announced.uuid).has_value()) << step;
    if (slug) {
      ASSERT_EQ(slug->layers.size(), 1u) << step;
    }
  }
  EXPECT_TRUE(filled);
}

TEST_F(PendingSlugStoreTest, AnOlderDatabaseTakesThem) {
  const std::filesystem::path older = folder_ / "older.db";
  {
    OldDatabase connection(older, 17);
    connection.runScript(
        "DROP TRIGGER event_apps_insert;"  // its functions are the program's
        "INSERT INTO apps (id, uuid, name, stack, owner, last_version, created_at) "
        "VALUES (1, 'a', 'hello', 'one', 'ada', 1, 0);"
        "INSERT INTO slugs (id, uuid, app, commit_id, stack, buildpack, size_bytes, created_at) "
        "VALUES (1, 's', 1, '', 'one', '', 0, 0);");
  }
  ReleaseStore store(older, clock_);
  const auto slugs = store.slugs(1, 10);
  ASSERT_EQ(slugs.size(), 1u);
  EXPECT_EQ(slugs[0].commitDescription, "");
  PendingSlugStore pending(store);
  const PendingSlug announced = pending.announce(wish(store.getApp(1)), 1);
  EXPECT_EQ(pending.fill(announced.uuid, {{layerOf("a")}}).commitDescription, "Fix");
}

}  // namespace
}  // namespace store
