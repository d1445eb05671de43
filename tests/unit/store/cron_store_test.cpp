#include "store/cron_store.h"

#include <gmock/gmock.h>

#include "store/detail/sqlite.h"
#include "tests/support/killer.h"
#include "tests/unit/store/old_database.h"
#include "tests/unit/store/store_fixture.h"

namespace store {
namespace {

using base::Errc;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Pair;

constexpr const char* kCron = R"({"cron":[{"schedule":"@daily","command":"a"}]})";

class CronStoreTest : public StoreTest {
 protected:
  /// A release of a slug with this cron, in this state.
  Release release(const App& app, const std::string& cron, ReleaseState state) {
    const Slug slug = store_->createSlug({.app = app.id, .stack = "debian-12", .layers = {}, .cron = cron});
    return store_->createRelease({.app = app.id,
                                  .version = store_->nextVersion(app.id),
                                  .slug = slug.id,
                                  .stack = "debian-12",
                                  .user = "ada",
                                  .state = state});
  }
  NewCronRun wish(const App& app, const std::string& command = "a") {
    return {.app = app.id, .schedule = "@daily", .command = command, .due = clock_.now()};
  }
  CronStore cron() { return CronStore(*store_, 5); }
};

TEST_F(CronStoreTest, ASlugKeepsItsCron) {
  const App app = makeApp();
  const Slug made = store_->createSlug({.app = app.id, .cron = kCron});
  EXPECT_EQ(made.cron, kCron);
  reopen();
  EXPECT_EQ(store_->getSlug(made.id).cron, kCron);
  EXPECT_EQ(store_->getSlug(makeSlug(app).id).cron, "");
}

TEST_F(CronStoreTest, PlansAreOfTheNewestReleaseThatSucceeded) {
  const App none = makeApp("none");
  const App app = makeApp();
  release(none, "", ReleaseState::succeeded);
  EXPECT_THAT(cron().plans(), IsEmpty());
  release(app, kCron, ReleaseState::pending);
  EXPECT_THAT(cron().plans(), IsEmpty()) << "nothing of it runs yet";
  const Release first = release(app, kCron, ReleaseState::succeeded);
  release(app, "other", ReleaseState::failed);
  release(app, "other", ReleaseState::pending);
  ASSERT_EQ(cron().plans().size(), 1u);
  const CronPlan plan = *cron().plan(app.id);
  EXPECT_EQ(plan.app, app.id);
  EXPECT_EQ(plan.release, first.version);
  EXPECT_EQ(plan.cron, kCron);
  EXPECT_FALSE(plan.suspended);
  EXPECT_FALSE(cron().plan(none.id));
  store_->changeSettings(app.id, {{kCronSuspended, "on"}});
  EXPECT_TRUE(cron().plan(app.id)->suspended);
  release(app, "", ReleaseState::succeeded);
  EXPECT_THAT(cron().plans(), IsEmpty());
}

TEST_F(CronStoreTest, ARunHasANumberAndAnEnd) {
  const App app = makeApp();
  const CronRun entered = cron().enter(wish(app));
  EXPECT_EQ(entered.process(), "cron.1");
  EXPECT_EQ(entered.state, CronState::waiting);
  EXPECT_EQ(entered.started, std::nullopt);
  EXPECT_TRUE(cron().begin(entered.id, 1));
  EXPECT_FALSE(cron().begin(entered.id, 9)) << "it has begun";
  clock_.advance(std::chrono::seconds(3));
  const CronRun running = *cron().findRunning("hello", 1);
  EXPECT_EQ(running.id, entered.id);
  EXPECT_FALSE(cron().findRunning("other", 1));
  EXPECT_FALSE(cron().findRunning("hello", 2));
  cron().end(running.id, CronState::failed, 3, "exited with status 3");
  cron().end(running.id, CronState::succeeded, 0, "again");
  reopen();
  const CronRun ended = *cron().find(entered.id);
  EXPECT_EQ(ended.state, CronState::failed);
  EXPECT_EQ(ended.exitCode, 3);
  EXPECT_EQ(ended.note, "exited with status 3");
  EXPECT_EQ(*ended.ended - *ended.started, std::chrono::seconds(3));
  EXPECT_EQ(cron().enter(wish(app)).number, 2);
  EXPECT_EQ(cron().enter(wish(makeApp("other"))).number, 1) << "each app counts for itself";
}

TEST_F(CronStoreTest, AnEntryRunsOnceAtATime) {
  const App app = makeApp();
  const CronRun first = cron().enter(wish(app));
  EXPECT_EQ(cron().enter(wish(app)).note, "cron.1 still waits");
  cron().begin(first.id, 1);
  const CronRun skipped = cron().enter(wish(app));
  EXPECT_EQ(skipped.state, CronState::skipped);
  EXPECT_EQ(skipped.note, "cron.1 still runs");
  EXPECT_EQ(cron().find(skipped.id)->state, CronState::skipped);
  EXPECT_EQ(cron().enter(wish(app, "other")).state, CronState::waiting);
  EXPECT_EQ(cron().enter(wish(makeApp("second"))).state, CronState::waiting);
  NewCronRun asked = wish(app);
  asked.user = "ada";
  EXPECT_EQ(codeOf([&] { cron().enter(asked); }), Errc::conflict);
  EXPECT_THAT(messageOf([&] { cron().enter(asked); }), HasSubstr("cron.1 still runs"));
  NewCronRun beside = wish(app);
  beside.overlap = true;
  EXPECT_EQ(cron().enter(beside).state, CronState::waiting);
  EXPECT_EQ(cron().enter(beside).state, CronState::skipped) << "or as many would wait as there are times";
}

TEST_F(CronStoreTest, SoManyRunOnTheServer) {
  const App app = makeApp(), other = makeApp("other");
  const CronRun first = cron().enter(wish(app)), second = cron().enter(wish(other));
  EXPECT_THAT(cron().inState(CronState::waiting).size(), 2u);
  EXPECT_TRUE(cron().begin(first.id, 1));
  EXPECT_FALSE(cron().begin(second.id, 1));
  EXPECT_EQ(cron().find(second.id)->state, CronState::waiting);
  cron().putBack(first.id, "no room");
  EXPECT_EQ(cron().find(first.id)->note, "no room");
  EXPECT_EQ(cron().find(first.id)->started, std::nullopt);
  EXPECT_TRUE(cron().begin(second.id, 1));
  EXPECT_FALSE(cron().begin(first.id, 1));
}

TEST_F(CronStoreTest, TheOldestGoButForThoseUnderWay) {
  const App app = makeApp();
  const CronRun long_ = cron().enter(wish(app, "long"));
  cron().begin(long_.id, 1);
  for (int i = 0; i < 10; ++i) {
    const CronRun run = cron().enter(wish(app));
    cron().end(run.id, CronState::succeeded, 0, "");
  }
  std::vector<std::int64_t> numbers;
  for (const CronRun& run : cron().history(app.id, 100))
    numbers.push_back(run.number);
  EXPECT_THAT(numbers, ElementsAre(11, 10, 9, 8, 7, 1));
  EXPECT_EQ(cron().history(app.id, 2).size(), 2u);
  EXPECT_EQ(cron().newest({app.id, "@daily", "a"})->number, 11);
  EXPECT_FALSE(cron().newest({app.id, "@daily", "b"}));
}

TEST_F(CronStoreTest, MarksAreOfEntriesAndGoWithTheApp) {
  const App app = makeApp();
  const CronKey key{app.id, "@daily", "a"};
  cron().mark(key, clock_.now());
  cron().mark(key, clock_.now() + std::chrono::hours(1));
  EXPECT_THAT(cron().marks(), ElementsAre(Pair(key, clock_.now() + std::chrono::hours(1))));
  NewCronRun wanted = wish(app);
  wanted.seen = clock_.now() + std::chrono::hours(2);
  cron().enter(wanted);
  EXPECT_THAT(cron().marks(), ElementsAre(Pair(key, clock_.now() + std::chrono::hours(2))));
  cron().unmark(key);
  EXPECT_THAT(cron().marks(), IsEmpty());
  cron().mark(key, clock_.now());
  store_->destroyApp(app.id);
  EXPECT_THAT(cron().marks(), IsEmpty());
  EXPECT_THAT(cron().inState(CronState::waiting), IsEmpty());
  EXPECT_EQ(codeOf([&] { cron().mark(key, clock_.now()); }), Errc::notFound);
  EXPECT_EQ(codeOf([&] { cron().enter(wanted); }), Errc::notFound);
}

TEST_F(CronStoreTest, ARunComesWithItsMarkOrNotAtAll) {
  if (!testing_support::canKill()) GTEST_SKIP() << "ptrace is not allowed here";
  const App app = makeApp();
  store_.reset();
  bool entered = false;
  for (int step = 1; !entered; step += testing_support::kStride) {
    const std::filesystem::path copy = folder_ / ("killed" + std::to_string(step));
    std::filesystem::create_directory(copy);
    std::filesystem::copy(file().parent_path() / "keys", copy / "keys",
                          std::filesystem::copy_options::recursive);
    std::filesystem::copy_file(file(), copy / "fairlead.db");
    testing_support::runAndKill(step, [&] {
      ReleaseStore store(copy / "fairlead.db", clock_);
      CronStore(store).enter(
          {.app = app.id, .schedule = "@daily", .command = "a", .due = clock_.now(), .seen = clock_.now()});
      return 0;
    });
    ReleaseStore store(copy / "fairlead.db", clock_);
    entered = !CronStore(store).marks().empty();
    ASSERT_EQ(CronStore(store).history(app.id, 10).size(), entered ? 1u : 0u) << step;
  }
}

TEST_F(CronStoreTest, AnOlderDatabaseTakesThem) {
  const std::filesystem::path older = folder_ / "older.db";
  {
    OldDatabase connection(older, 20);
    connection.runScript(
        "DROP TRIGGER event_apps_insert; DROP TRIGGER event_slugs_insert;"  // their functions are ours
        "INSERT INTO apps (id, uuid, name, stack, owner, last_version, created_at) "
        "VALUES (1, 'a', 'hello', 'one', 'ada', 1, 0);"
        "INSERT INTO slugs (id, uuid, app, commit_id, stack, buildpack, size_bytes, created_at, checks) "
        "VALUES (1, 's', 1, '', 'one', '', 0, 0, 'checks');");
  }
  ReleaseStore store(older, clock_);
  const Slug slug = store.getSlug(1);
  EXPECT_EQ(slug.checks, "checks");
  EXPECT_EQ(slug.cron, "");
  CronStore cron(store);
  EXPECT_THAT(cron.plans(), IsEmpty());
  EXPECT_EQ(cron.enter({.app = 1, .schedule = "@daily", .command = "a", .due = clock_.now()}).number, 1);
}

}  // namespace
}  // namespace store
