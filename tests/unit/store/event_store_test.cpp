// What is recorded of changes: that nothing is forgotten, and by whom it was.
#include "store/event_store.h"

#include <gmock/gmock.h>

#include <set>
#include <thread>

#include "store/acting.h"
#include "store/detail/sqlite.h"
#include "store/publication_store.h"
#include "store/registry_store.h"
#include "tests/unit/store/store_fixture.h"

namespace store {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

class EventStoreTest : public StoreTest {
 protected:
  /// "kind: sentence" of those that body() makes.
  template <typename Body>
  std::vector<std::string> eventsOf(Body body) {
    const auto before = events_.newest(std::nullopt, 1);
    body();
    std::vector<std::string> lines;
    for (const Event& event : events_.after(before.empty() ? 0 : before.back().id, std::nullopt, 1000))
      lines.push_back(event.kind + ": " + event.sentence);
    return lines;
  }
  Event last() { return events_.newest(std::nullopt, 1).at(0); }

  EventStore events_{*store_};
};

// What changes without an event of its own, and why.
const std::set<std::string> kSilent{
    "app_buildpacks DELETE", "app_buildpacks INSERT",
    "app_buildpacks UPDATE",                   // setBuildpacks: one for the list
    "keys UPDATE",           "tokens UPDATE",  // their last use
    "app_features UPDATE",                     // there is nothing to update
    "domains UPDATE",        "maintenance UPDATE",    "drains UPDATE",
    "pending_slugs UPDATE",                    // there is nothing to update
    "pending_slugs DELETE",                    // it has become a slug, which is told, or its time is over
    "stacks DELETE",         "stacks UPDATE",  // putStack: an INSERT
    "builds DELETE",         "publications DELETE",
    "releases DELETE",  // with their app only
};
// Parts of something that has an event, the record itself, or housekeeping.
const std::set<std::string> kParts{
    "build_buildpacks",
    "build_phases",
    "slug_layers",
    "slug_process_types",
    "slug_config",
    "slugs",
    "pending_slug_process_types",
    "release_config",
    "config_keys",
    "stack_layers",
    "run_image_layers",
    "packed_trees",
    "cron_marks",  // what ran is told by cron:history
    "cron_runs",
    "drain_marks",  // how far lines were sent: once a second, by nobody
    "gc_queue",
    "repositories",
    "manifests",
    "manifest_blobs",
    "manifest_children",
    "referrers",
    "repository_blobs",
    "uploads",
    "events",
    "sqlite_sequence",
};

TEST_F(EventStoreTest, EveryTableHasTriggersOrAReason) {
  detail::Connection connection(file());
  std::set<std::string> tables, triggers;
  auto rows = connection.query("SELECT type, name, tbl_name, sql FROM sqlite_master");
  while (rows.next()) {
    if (rows.text(0) == "table") tables.insert(rows.text(1));
    if (rows.text(0) != "trigger" || !rows.text(1).starts_with("event_")) continue;
    for (const char* change : {" INSERT", " UPDATE", " DELETE"})
      if (rows.text(3).find(" AFTER" + std::string(change) + " ") != std::string::npos)
        triggers.insert(rows.text(2) + change);
  }
  for (const std::string& table : tables) {
    if (kParts.contains(table)) continue;
    for (const char* change : {" INSERT", " UPDATE", " DELETE"})
      EXPECT_TRUE(triggers.contains(table + change) || kSilent.contains(table + change))
          << "changes of " << table
          << " are not recorded: give it a trigger in store/schema, or say here why not (" << change << ")";
  }
}

TEST_F(EventStoreTest, TellsWhatWasChanged) {
  AccountStore accounts(*store_);
  EXPECT_THAT(eventsOf([&] { accounts.createUser("bob", Role::member); }),
              ElementsAre("user.create: made the user bob (member)"));
  const App app = makeApp();
  EXPECT_THAT(eventsOf([&] { makeApp("other"); }),
              ElementsAre("app.create: made the app", "release.create: released v1: Initial release"));
  EXPECT_THAT(eventsOf([&] { accounts.addCollaborator(app.id, "bob", Permission::view); }),
              ElementsAre("collaborator.add: let bob view the app"));
  EXPECT_THAT(eventsOf([&] { accounts.updateCollaborator(app.id, "bob", Permission::deploy); }),
              ElementsAre("collaborator.update: let bob deploy the app, not view"));
  EXPECT_THAT(eventsOf([&] { accounts.updateCollaborator(app.id, "bob", Permission::deploy); }),
              ElementsAre());
  EXPECT_THAT(eventsOf([&] { store_->addToken({.user = "bob", .description = "", .secretHash = "s3cret"}); }),
              ElementsAre("token.create: made token 1 (full) for bob"));
  EXPECT_THAT(eventsOf([&] { accounts.removeUser("bob"); }),
              ::testing::UnorderedElementsAre("user.remove: removed the user bob",
                                              "token.revoke: revoked token 1 (full) of bob",
                                              "collaborator.remove: took the access of bob away"));
  EXPECT_THAT(eventsOf([&] {
                store_->setFormation(app.id, {{"web", 1}});
              }),
              ElementsAre("formation.update: web at 1"));
  EXPECT_THAT(eventsOf([&] {
                store_->setFormation(app.id, {{"web", 2}, {"worker", 0}});
              }),
              ElementsAre("formation.update: web at 2, not 1", "formation.update: worker at 0"));
  EXPECT_THAT(eventsOf([&] { store_->setFormation(app.id, {{"web", 2}, {"worker", 0}}); }), ElementsAre());
  EXPECT_THAT(eventsOf([&] {
                store_->setFormation(app.id, {{"web", 2}});
              }),
              ElementsAre("formation.update: worker is gone"));
  EXPECT_THAT(eventsOf([&] {
                store_->changeSettings(app.id, {{"build_pids", "7"}});
              }),
              ElementsAre("setting.set: set build_pids"));
  EXPECT_THAT(eventsOf([&] { store_->setBuildpacks(app.id, {"https://user:pass@h/x"}); }),
              ElementsAre("buildpacks.set: set a list of 1 buildpacks"));
  EXPECT_THAT(eventsOf([&] {
                accounts.createUser("cy", Role::member);
                accounts.transferApp(app.id, "cy");
              }),
              ElementsAre(HasSubstr("cy"), "app.transfer: gave the app of ada to cy"));
  EXPECT_THAT(eventsOf([&] { store_->destroyApp(app.id); }), ElementsAre("app.destroy: destroyed the app"));
  EXPECT_EQ(last().appName, "hello");
  EXPECT_EQ(last().app, app.id);
  EXPECT_EQ(last().appUuid, app.uuid);
}

TEST_F(EventStoreTest, NamesConfigVarsAndNeverTheirValues) {
  const App app = makeApp();
  NewRelease release = nextRelease(app);
  release.config = {{"A", "hidden-one"}, {"B", "hidden-two"}};
  EXPECT_THAT(eventsOf([&] { store_->createRelease(release); }),
              ElementsAre("config.set: set A, B", HasSubstr("release.create: released v2")));
  release = nextRelease(app);
  release.config = {{"A", "hidden-one"}, {"C", "hidden-three"}};
  EXPECT_THAT(eventsOf([&] { store_->createRelease(release); }),
              ElementsAre("config.set: set C", "config.unset: unset B", HasSubstr("release.create")));
  for (const Event& event : events_.newest(std::nullopt, 1000))
    EXPECT_THAT(event.sentence, Not(HasSubstr("hidden")));
}

TEST_F(EventStoreTest, ADeployIsTold) {
  const App app = makeApp();
  EXPECT_THAT(eventsOf([&] {
                const Release release = store_->createRelease(nextDeploy(app));
                store_->setReleaseState(release.id, ReleaseState::succeeded);
                store_->setReleaseState(release.id, ReleaseState::succeeded);
              }),
              ElementsAre("build.create: asked for build 1", "config.set: set FOO",
                          "release.create: released v2: Deploy 1a2b3c4", "build.update: build 1 succeeded",
                          "formation.update: web at 1", "formation.update: worker at 0",
                          "release.update: v2 succeeded"));
}

TEST_F(EventStoreTest, IsTheActorsWhereverItIsWritten) {
  const App app = makeApp();
  EXPECT_EQ(last().actor, "");
  {
    const ActingAs ada({"ada", "SHA256:x"});
    store_->enableFeature(app.id, "one");
    EXPECT_EQ(last().actor, "ada");
    EXPECT_EQ(last().via, "SHA256:x");
    EXPECT_EQ(last().at, clock_.now());
    {
      const ActingAs bob({"bob", "token 3"});
      store_->enableFeature(app.id, "two");
      EXPECT_EQ(last().actor, "bob");
    }
    store_->enableFeature(app.id, "three");
    EXPECT_EQ(last().actor, "ada");
  }
  store_->enableFeature(app.id, "four");
  EXPECT_EQ(last().actor, "");
}

TEST_F(EventStoreTest, WritersThatCommitTogetherAreToldApart) {
  constexpr int kWriters = 8;
  const std::vector<std::string> tags{"t1", "t2", "t3", "t4", "t5"};
  const auto repository = [](const std::string& user) { return RepositoryName::parse("tools/" + user); };
  for (int i = 0; i < kWriters; ++i) {
    const std::string user = "user" + std::to_string(i);
    store_->putManifest(repository(user), manifestOf(user), tags);
  }
  RegistryStore registry(*store_);
  std::vector<std::jthread> writers;
  for (int i = 0; i < kWriters; ++i) {
    writers.emplace_back([&, user = "user" + std::to_string(i)] {
      const ActingAs acting({user, ""});
      for (const std::string& tag : tags)
        registry.removeTag(repository(user), tag);
    });
  }
  writers.clear();
  std::size_t found = 0;
  for (const Event& event : events_.newest(std::nullopt, 1000)) {
    if (event.kind != "image.untag") continue;
    ++found;
    EXPECT_THAT(event.sentence, HasSubstr("tools/" + event.actor + ":"));
  }
  EXPECT_EQ(found, kWriters * tags.size());
}

TEST_F(EventStoreTest, WhatDidNotHappenIsNotTold) {
  const App app = makeApp();
  EXPECT_THAT(eventsOf([&] {
                NewRelease release = nextRelease(app);
                release.version.number += 5;
                EXPECT_EQ(codeOf([&] { store_->createRelease(release); }), base::Errc::conflict);
                EXPECT_EQ(codeOf([&] { makeApp(); }), base::Errc::alreadyExists);
              }),
              ElementsAre());
}

TEST_F(EventStoreTest, OldOnesGo) {
  detail::EventContext context{clock_};
  context.keep = 50;
  detail::Connection connection(file(), &context);
  connection.runScript(
      "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2500) "
      "INSERT INTO event_entry (app, kind, sentence) SELECT NULL, 'test', i FROM n");
  const std::size_t left = events_.newest(std::nullopt, 100'000).size();
  EXPECT_GE(left, 50u);
  EXPECT_LT(left, 1050u);
}

TEST_F(EventStoreTest, FollowsWhatComes) {
  const App app = makeApp();
  const App other = makeApp("other");
  std::vector<std::string> seen;
  std::stop_source stop;
  std::jthread writer([&] {
    store_->enableFeature(other.id, "not shown");
    store_->enableFeature(app.id, "one");
    store_->enableFeature(app.id, "two");
  });
  events_.follow(last().id - 1, app.id,
                 {.show =
                      [&](const Event& event) {
                        if (event.kind == "feature.enable") seen.push_back(event.sentence);
                        if (seen.size() == 2) stop.request_stop();
                      }},
                 stop.get_token());
  EXPECT_THAT(seen, ElementsAre("switched one on", "switched two on"));
}

}  // namespace
}  // namespace store
