#include "store/drain_store.h"

#include <gmock/gmock.h>

#include "base/fd.h"
#include "store/detail/sqlite.h"
#include "tests/support/killer.h"
#include "tests/unit/store/old_database.h"
#include "tests/unit/store/store_fixture.h"

namespace store {
namespace {

using base::Errc;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr const char* kUrl = "https://ada:correct-horse@logs.example.com/in";

class DrainStoreTest : public StoreTest {
 protected:
  std::vector<std::string> keysOfDrains() {
    std::vector<std::string> keys;
    detail::Connection connection(file());
    auto rows = connection.query("SELECT DISTINCT key FROM drains");
    while (rows.next())
      keys.push_back(rows.text(0));
    return keys;
  }
};

TEST_F(DrainStoreTest, KeepsUrlsUnreadableInTheFile) {
  const App app = makeApp();
  const Drain drain = DrainStore(*store_).add(app.id, kUrl, 10);
  EXPECT_EQ(drain.url, kUrl);
  EXPECT_THAT(stored(file()), Not(HasSubstr("correct-horse")));
  EXPECT_THAT(stored(file()), Not(HasSubstr("logs.example.com")));
  EXPECT_THAT(stored(file()), HasSubstr(drain.token));
  reopen();
  DrainStore drains(*store_);
  ASSERT_EQ(drains.all().size(), 1u);
  EXPECT_EQ(drains.all()[0].url, kUrl);
  EXPECT_EQ(drains.ofApp(app.id).at(0).createdAt, drain.createdAt);
  for (const std::string& name : {drain.url, drain.uuid, drain.token, std::to_string(drain.id)})
    EXPECT_EQ(drains.get(app.id, name).id, drain.id) << name;
}

TEST_F(DrainStoreTest, KnowsWhatIsThereAlready) {
  const App app = makeApp();
  const App other = makeApp("other");
  DrainStore drains(*store_);
  const Drain drain = drains.add(app.id, kUrl, 2);
  EXPECT_EQ(codeOf([&] { drains.add(app.id, kUrl, 2); }), Errc::alreadyExists);
  drains.add(other.id, kUrl, 2);
  drains.add(app.id, "syslog://a.b:514", 2);
  EXPECT_THAT(messageOf([&] { drains.add(app.id, "syslog://a.b:515", 2); }), HasSubstr("drains_max"));
  EXPECT_EQ(codeOf([&] { drains.get(other.id, drain.token); }), Errc::notFound);
  EXPECT_EQ(codeOf([&] { drains.get(app.id, ""); }), Errc::notFound);
  drains.remove(drain.id);
  drains.add(app.id, kUrl, 2);
}

TEST_F(DrainStoreTest, ANewKeyIsForThemToo) {
  const App app = makeApp();
  for (int i = 0; i < 3; ++i)
    DrainStore(*store_).add(app.id, kUrl + std::to_string(i), 10);
  const std::string id = store_->rotateConfigKey();
  EXPECT_EQ(keysOfDrains(), std::vector<std::string>{id});
  EXPECT_EQ(DrainStore(*store_).ofApp(app.id).at(2).url, kUrl + std::string("2"));
  EXPECT_NE(store_->rotateConfigKey(), id);
  reopen();
  EXPECT_EQ(DrainStore(*store_).ofApp(app.id).at(2).url, kUrl + std::string("2"));
}

TEST_F(DrainStoreTest, AKillInARotationLeavesAllReadable) {
  if (!testing_support::canKill()) GTEST_SKIP() << "no ptrace here";
  const App app = makeApp();
  DrainStore(*store_).add(app.id, kUrl, 10);
  store_.reset();
  bool killed = true;
  for (int step = 1; killed; step += testing_support::kStride) {
    killed = testing_support::runAndKill(step, [&] {
               ReleaseStore store(file(), clock_);
               store.rotateConfigKey();
               return 0;
             }).killed;
    reopen();
    ASSERT_EQ(DrainStore(*store_).ofApp(app.id).at(0).url, kUrl) << step;
    ASSERT_EQ(keysOfDrains().size(), 1u) << step;
    store_.reset();
  }
}

TEST_F(DrainStoreTest, OneThatCannotBeReadIsThereToBeRemoved) {
  const App app = makeApp();
  const App other = makeApp("other");
  const Drain drain = DrainStore(*store_).add(app.id, kUrl, 10);
  // What is sealed is bound to its app.
  detail::Connection(file()).execute("UPDATE drains SET app = ?1", other.id);
  DrainStore drains(*store_);
  EXPECT_EQ(drains.all().at(0).url, "");
  store_->rotateConfigKey();
  reopen();
  DrainStore again(*store_);
  EXPECT_EQ(again.get(other.id, drain.token).url, "");
  again.remove(again.get(other.id, drain.token).id);
  EXPECT_TRUE(again.all().empty());
}

TEST_F(DrainStoreTest, KeepsHowFarTheyAre) {
  const App app = makeApp();
  DrainStore drains(*store_);
  const std::int64_t first = drains.add(app.id, kUrl, 10).id;
  const std::int64_t second = drains.add(app.id, "syslog://a.b:514", 10).id;
  EXPECT_TRUE(drains.marks().empty());
  drains.keepMarks({{first, 7}, {second, 1}});
  drains.keepMarks({{first, 9}, {second + 1, 3}});
  reopen();
  DrainStore again(*store_);
  EXPECT_EQ(again.marks(), (DrainStore::Marks{{first, 9}, {second, 1}})) << "one that is not there has none";
  again.remove(first);
  EXPECT_EQ(again.marks(), (DrainStore::Marks{{second, 1}}));
  store_->destroyApp(app.id);
  EXPECT_TRUE(again.marks().empty());
}

TEST_F(DrainStoreTest, ThoseOfAnOlderDatabaseHaveNoMark) {
  const std::filesystem::path older = folder_ / "older.db";
  {
    OldDatabase connection(older, 21);
    connection.runScript(
        "DROP TRIGGER event_apps_insert; DROP TRIGGER event_drains_insert;"  // their functions are ours
        "INSERT INTO apps (id, uuid, name, stack, owner, last_version, created_at) "
        "VALUES (1, 'a', 'hello', 'one', 'ada', 1, 0);"
        "INSERT INTO drains (id, uuid, app, url, token, created_at) VALUES (5, 'u', 1, 'x', 'd.u', 0);");
  }
  ReleaseStore store(older, clock_);
  DrainStore drains(store);
  ASSERT_EQ(drains.all().size(), 1u);
  EXPECT_TRUE(drains.marks().empty());
  drains.keepMarks({{5, 2}});
  EXPECT_EQ(drains.marks(), (DrainStore::Marks{{5, 2}}));
}

TEST_F(DrainStoreTest, ThoseOfAnOlderDatabaseAreSealedWhenItIsOpened) {
  const std::filesystem::path older = folder_ / "older.db";
  {
    OldDatabase connection(older, 18);
    connection.runScript(
        "DROP TRIGGER event_apps_insert; DROP TRIGGER event_drains_insert;"  // their functions are ours
        "INSERT INTO apps (id, uuid, name, stack, owner, last_version, created_at) "
        "VALUES (1, 'a', 'hello', 'one', 'ada', 1, 0);"
        "BEGIN");
    for (int i = 0; i < 1200; ++i)
      connection.execute("INSERT INTO drains (uuid, app, url, token, created_at) VALUES (?1, 1, ?2, ?3, 0)",
                         "u" + std::to_string(i), kUrl + std::to_string(i), "d." + std::to_string(i));
    connection.runScript("COMMIT");
  }
  ASSERT_THAT(stored(older), HasSubstr("correct-horse"));
  {
    ReleaseStore store(older, clock_);
    const auto drains = DrainStore(store).all();
    ASSERT_EQ(drains.size(), 1200u);
    EXPECT_EQ(drains[1199].url, kUrl + std::string("1199"));
    EXPECT_THAT(stored(older), Not(HasSubstr("correct-horse"))) << "nor in free pages or the log";
  }
  ReleaseStore again(older, clock_);
  EXPECT_EQ(DrainStore(again).all().at(0).url, kUrl + std::string("0"));
}

}  // namespace
}  // namespace store
