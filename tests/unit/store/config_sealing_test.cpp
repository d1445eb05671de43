// Config values in the database are sealed, with keys that can be changed.
#include <gmock/gmock.h>
#include <sys/stat.h>

#include <fstream>
#include <thread>

#include "base/fd.h"
#include "store/detail/config_keys.h"
#include "store/detail/sqlite.h"
#include "tests/support/killer.h"
#include "tests/unit/store/old_database.h"
#include "tests/unit/store/store_fixture.h"

namespace store {
namespace {

using base::Errc;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::Pair;

constexpr std::uint64_t kAll = 64u << 20;

class ConfigSealing : public StoreTest {
 protected:
  std::filesystem::path keyFile() const { return folder_ / "keys" / "config_keys"; }
  std::string keyText() const { return base::readFile(keyFile(), kAll); }
  Release makeRelease(const App& app, const ConfigVars& config) {
    NewRelease release = nextRelease(app);
    release.config = config;
    return store_->createRelease(release);
  }
  std::vector<std::string> keysInUse() {
    std::vector<std::string> ids;
    detail::Connection connection(file());
    auto rows = connection.query("SELECT DISTINCT key FROM release_config ORDER BY key");
    while (rows.next())
      ids.push_back(rows.text(0));
    return ids;
  }
};

TEST_F(ConfigSealing, KeepsValuesUnreadableInTheFile) {
  const App app = makeApp();
  makeRelease(
      app, {{"PASSWORD", "correct-horse-battery"}, {"EMPTY", ""}, {"BYTES", std::string("\x01\xff\n", 3)}});
  EXPECT_THAT(stored(file()), Not(HasSubstr("correct-horse-battery")));
  EXPECT_THAT(stored(file()), HasSubstr("PASSWORD"));
  reopen();
  EXPECT_THAT(store_->currentRelease(app.id).config,
              ElementsAre(Pair("BYTES", std::string("\x01\xff\n", 3)), Pair("EMPTY", ""),
                          Pair("PASSWORD", "correct-horse-battery")));
}

TEST_F(ConfigSealing, KeepsTheKeyPrivate) {
  struct stat status {};
  ASSERT_EQ(::stat(keyFile().c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 07777, 0600u);
  ASSERT_EQ(::stat(keyFile().parent_path().c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 07777, 0700u);
}

TEST_F(ConfigSealing, KeepsScopes) {
  const App app = makeApp();
  NewRelease release = nextRelease(app);
  release.config = {{"A", "1"}, {"B", "2"}, {"C", "3"}};
  release.configScopes = {{"A", ConfigScope::build}, {"B", ConfigScope::run}};
  store_->createRelease(release);
  const Release found = store_->currentRelease(app.id);
  EXPECT_EQ(found.configScopes, release.configScopes);
  EXPECT_THAT(configFor(ConfigScope::build, found.config, found.configScopes),
              ElementsAre(Pair("A", "1"), Pair("C", "3")));
  EXPECT_THAT(configFor(ConfigScope::run, found.config, found.configScopes),
              ElementsAre(Pair("B", "2"), Pair("C", "3")));
}

TEST_F(ConfigSealing, AValueBelongsToItsAppAndName) {
  const App app = makeApp();
  makeRelease(app, {{"A", "one"}, {"B", "two"}});
  detail::Connection(file()).runScript(
      "UPDATE release_config SET value = (SELECT value FROM release_config WHERE name = 'A') WHERE name = "
      "'B'");
  reopen();
  EXPECT_EQ(codeOf([&] { store_->currentRelease(app.id); }), Errc::corrupt);
  EXPECT_THAT(messageOf([&] { store_->currentRelease(app.id); }), HasSubstr("config var B"));
}

TEST_F(ConfigSealing, RefusesADatabaseWithoutItsKey) {
  makeRelease(makeApp(), {{"A", "one"}});
  store_.reset();
  const std::string before = keyText();
  std::filesystem::remove(keyFile());
  EXPECT_EQ(codeOf([&] { reopen(); }), Errc::notFound);
  EXPECT_THAT(messageOf([&] { reopen(); }), HasSubstr(keyFile().string()));
  EXPECT_FALSE(std::filesystem::exists(keyFile())) << "no key is made that would hide what is missing";
  std::ofstream(keyFile()) << base::SealingKey::make().text() << "\n";
  EXPECT_EQ(codeOf([&] { reopen(); }), Errc::notFound);
  std::ofstream(keyFile()) << "damaged";
  EXPECT_EQ(codeOf([&] { reopen(); }), Errc::corrupt);
  std::ofstream(keyFile()) << before;
  reopen();
  EXPECT_EQ(keyText(), before);
}

TEST_F(ConfigSealing, ANewKeySealsEverythingWhileOthersReadAndWrite) {
  const App app = makeApp();
  ConfigVars config;
  for (int i = 0; i < 300; ++i)
    config["VAR_" + std::to_string(i)] = "value " + std::to_string(i);
  for (int i = 0; i < 4; ++i)
    makeRelease(app, config);
  const std::string old = keyText();
  std::jthread others([&](const std::stop_token& stop) {
    while (!stop.stop_requested()) {
      EXPECT_EQ(store_->getRelease(app.id, {2}).config, config);
      makeRelease(app, {{"A", "one"}});
    }
  });
  const std::string id = store_->rotateConfigKey();
  others.request_stop();
  others.join();
  EXPECT_THAT(keysInUse(), ElementsAre(id));
  EXPECT_THAT(keyText(), HasSubstr(old)) << "for a copy of the database that was made a moment before";
  store_->rotateConfigKey();
  EXPECT_THAT(keyText(), Not(HasSubstr(old)));
  reopen();
  EXPECT_EQ(store_->getRelease(app.id, {2}).config, config);
}

TEST_F(ConfigSealing, AKillInARotationLeavesAllReadable) {
  if (!testing_support::canKill()) GTEST_SKIP() << "no ptrace here";
  const App app = makeApp();
  makeRelease(app, {{"A", "one"}, {"B", "two"}});
  store_.reset();
  bool killed = true;
  for (int step = 1; killed; step += testing_support::kStride) {
    killed = testing_support::runAndKill(step, [&] {
               ReleaseStore store(file(), clock_);
               store.rotateConfigKey();
               return 0;
             }).killed;
    reopen();
    ASSERT_THAT(store_->currentRelease(app.id).config, ElementsAre(Pair("A", "one"), Pair("B", "two")))
        << step;
    ASSERT_EQ(keysInUse().size(), 1u) << "the open finished what was begun, at step " << step;
    store_.reset();
  }
}

/// A database as the version before sealing left it.
class PlainDatabase : public ConfigSealing {
 protected:
  PlainDatabase() { make(older_, kBefore); }
  void make(const std::filesystem::path& path, std::size_t version) {
    OldDatabase connection(path, version);
    connection.runScript(
        "INSERT INTO apps (id, uuid, name, stack, owner, last_version, created_at) "
        "VALUES (1, 'a', 'hello', 'one', 'ada', 1, 0);"
        "INSERT INTO releases (id, uuid, app, version, stack, description, user, state, created_at) "
        "VALUES (1, 'r1', 1, 1, 'one', '', 'ada', 'succeeded', 0)");
    connection.runScript("BEGIN");
    for (int i = 0; i < 700; ++i) {
      const std::string number = std::to_string(i);
      connection.execute("INSERT INTO release_config (release, name, value) VALUES (1, ?1, ?2)",
                         "VAR_" + number, "plain-as-day-" + number);
      config_["VAR_" + number] = "plain-as-day-" + number;
    }
    connection.runScript("COMMIT");
  }

  static constexpr std::size_t kBefore = 12;
  const std::filesystem::path older_ = folder_ / "older.db";
  ConfigVars config_;
};

TEST_F(PlainDatabase, IsSealedWhenItIsOpened) {
  ASSERT_THAT(stored(older_), HasSubstr("plain-as-day"));
  {
    ReleaseStore store(older_, clock_);
    EXPECT_EQ(store.getRelease(1, {1}).config, config_);
    EXPECT_THAT(stored(older_), Not(HasSubstr("plain-as-day"))) << "nor in free pages or the log";
  }
  ReleaseStore again(older_, clock_);
  EXPECT_EQ(again.getRelease(1, {1}).config, config_);
}

TEST_F(PlainDatabase, OfAnyVersionIsSealed) {
  for (std::size_t version = 1; version < kBefore; ++version) {
    const std::filesystem::path path = folder_ / ("version" + std::to_string(version) + ".db");
    make(path, version);
    ReleaseStore store(path, clock_);
    EXPECT_EQ(store.getRelease(1, {1}).config, config_) << version;
    EXPECT_THAT(stored(path), Not(HasSubstr("plain-as-day"))) << version;
  }
}

TEST_F(PlainDatabase, AKillWhileItIsSealedIsMadeGood) {
  if (!testing_support::canKill()) GTEST_SKIP() << "no ptrace here";
  store_.reset();
  bool killed = true;
  const std::filesystem::path copy = folder_ / "copy.db";
  for (int step = 1; killed; step += 5 * testing_support::kStride) {
    for (const char* suffix : {"", "-wal", "-shm"})
      std::filesystem::remove(copy.string() + suffix);
    std::filesystem::copy_file(older_, copy);
    killed = testing_support::runAndKill(step, [&] {
               const ReleaseStore store(copy, clock_);
               return 0;
             }).killed;
    ReleaseStore store(copy, clock_);
    ASSERT_EQ(store.getRelease(1, {1}).config, config_) << step;
    ASSERT_THAT(stored(copy), Not(HasSubstr("plain-as-day"))) << step;
  }
}

}  // namespace
}  // namespace store
