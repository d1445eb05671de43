// Users and collaborators, and what becomes of a database from before there were any.
#include "store/account_store.h"

#include <gmock/gmock.h>

#include "store/detail/sqlite.h"
#include "tests/unit/store/old_database.h"
#include "tests/unit/store/store_fixture.h"

namespace store {
namespace {

using base::Errc;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

class AccountStoreTest : public StoreTest {
 protected:
  AccountStore accounts_{*store_};
};

std::vector<std::string> namesOf(const std::vector<User>& users) {
  std::vector<std::string> names;
  for (const User& user : users)
    names.push_back(user.name + " " + std::string(name(user.role)));
  return names;
}

/// As schema 15 had it.
void fillOld(detail::Connection& connection) {
  connection.runScript(
      "INSERT INTO apps (id, uuid, name, stack, owner, last_version, created_at) "
      "VALUES (1, 'a', 'hello', 'one', 'owner', 1, 30);"
      "INSERT INTO keys (fingerprint, public_key, comment, user, created_at) "
      "VALUES ('SHA256:a', 'ssh-ed25519 A', 'ada@laptop', 'ada', 10), ('SHA256:b', 'ssh-ed25519 B', '', "
      "'ada', 11);"
      "INSERT INTO tokens (id, user, description, secret_hash, created_at, kind, app, expires_at) "
      "VALUES (1, 'ada', 'laptop', 'h1', 12, 'full', NULL, NULL), (2, 'ci', '', 'h2', 20, 'push', 1, 99);"
      "INSERT INTO tokens (id, user, description, secret_hash, created_at) VALUES (7, 'ci', '', 'h7', 21);"
      "DELETE FROM tokens WHERE id = 7");
}

TEST_F(AccountStoreTest, NamesOfAnOlderDatabaseBecomeAdministrators) {
  const std::filesystem::path older = folder_ / "older.db";
  {
    OldDatabase connection(older, 15);
    fillOld(connection);
  }
  ReleaseStore store(older, clock_);
  AccountStore accounts(store);
  EXPECT_THAT(namesOf(accounts.users()), ElementsAre("ada admin", "admin admin", "ci admin", "owner admin"));
  EXPECT_EQ(accounts.getUser("ada").createdAt, Time(std::chrono::milliseconds(10)));
  EXPECT_EQ(accounts.getUser("ci").uuid.size(), 36u);
  EXPECT_NE(accounts.getUser("ci").uuid, accounts.getUser("ada").uuid);
  ASSERT_EQ(accounts.keysOf("ada").size(), 2u);
  EXPECT_EQ(store.findKey("SHA256:a")->comment, "ada@laptop");
  EXPECT_FALSE(store.findKey("SHA256:a")->app);
  EXPECT_NE(store.findKey("SHA256:a")->uuid, store.findKey("SHA256:b")->uuid);
  const Token token = *store.findToken(2);
  EXPECT_EQ(token.kind, TokenKind::push);
  EXPECT_EQ(token.app->str(), "hello");
  EXPECT_EQ(token.expiresAt, Time(std::chrono::milliseconds(99)));
  EXPECT_FALSE(token.lastUsedAt);
  EXPECT_EQ(store.findToken(1)->description, "laptop");
  EXPECT_EQ(store.addToken({.user = "ada", .description = "", .secretHash = "h8"}).id, 8)
      << "an id is never given again: bearers name it";
  EXPECT_EQ(codeOf([&] { accounts.removeUser("owner"); }), Errc::conflict);
  store.destroyApp(1);
  EXPECT_FALSE(store.findToken(2));
}

TEST_F(AccountStoreTest, AFreshDatabaseHasTheLocalAdministrator) {
  EXPECT_EQ(accounts_.getUser(std::string(kLocalUser)).role, Role::admin);
  EXPECT_EQ(codeOf([&] { accounts_.removeUser("admin"); }), Errc::conflict);
  EXPECT_EQ(codeOf([&] { accounts_.setRole("admin", Role::member); }), Errc::conflict);
}

TEST_F(AccountStoreTest, TakesNamesThatCannotBeMistaken) {
  for (const char* good : {"bob", "Bob-2", "bob@example.org", "b.o_b+c"}) {
    EXPECT_NO_THROW(requireUserName(good)) << good;
  }
  for (const std::string& bad :
       {std::string(), std::string(65, 'a'), std::string("-bob"), std::string("a b"), std::string("a/b"),
        std::string("b\xc3\xb6"
                    "b"),
        std::string("a\nb"), std::string("a\0b", 3), std::string(1 << 20, 'a')})
    EXPECT_EQ(codeOf([&] { accounts_.createUser(bad, Role::member); }), Errc::invalidArgument);
  accounts_.createUser("bob", Role::member);
  EXPECT_EQ(codeOf([&] { accounts_.createUser("Bob", Role::member); }), Errc::alreadyExists);
}

TEST_F(AccountStoreTest, AUserGoesWithKeysTokensAndCollaborations) {
  const App app = makeApp();
  accounts_.createUser("bob", Role::member, "bob@example.org");
  accounts_.addCollaborator(app.id, "bob", Permission::deploy);
  store_->addKey(
      {.fingerprint = "SHA256:b", .publicKey = "k", .comment = "", .user = "bob", .createdAt = {}});
  const Token token = store_->addToken({.user = "bob", .description = "", .secretHash = "h"});
  accounts_.removeUser("bob");
  EXPECT_FALSE(accounts_.findUser("bob"));
  EXPECT_FALSE(store_->findKey("SHA256:b"));
  EXPECT_FALSE(store_->findToken(token.id));
  EXPECT_TRUE(accounts_.collaborators(app.id).empty());
  EXPECT_THAT(messageOf([&] { accounts_.removeUser("bob"); }), HasSubstr("no user \"bob\""));
  EXPECT_THAT(messageOf([&] { accounts_.removeUser("ada"); }), HasSubstr("ada owns hello"));
}

TEST_F(AccountStoreTest, CollaboratorsAreKeptPerApp) {
  const App app = makeApp();
  const App other = makeApp("other");
  accounts_.createUser("bob", Role::member, "bob@example.org");
  const Collaborator added = accounts_.addCollaborator(app.id, "bob", Permission::view);
  EXPECT_EQ(added.email, "bob@example.org");
  EXPECT_EQ(accounts_.permission(app.id, "bob"), Permission::view);
  EXPECT_FALSE(accounts_.permission(other.id, "bob"));
  EXPECT_EQ(accounts_.appsOf("bob").size(), 1u);
  EXPECT_EQ(codeOf([&] { accounts_.addCollaborator(app.id, "bob", Permission::view); }), Errc::alreadyExists);
  EXPECT_EQ(codeOf([&] { accounts_.addCollaborator(app.id, "ada", Permission::view); }), Errc::alreadyExists);
  EXPECT_EQ(codeOf([&] { accounts_.addCollaborator(app.id, "eve", Permission::view); }), Errc::notFound);
  EXPECT_EQ(codeOf([&] { accounts_.addCollaborator(99, "bob", Permission::view); }), Errc::notFound);
  EXPECT_EQ(accounts_.updateCollaborator(app.id, "bob", Permission::manage).permission, Permission::manage);
  EXPECT_EQ(codeOf([&] { accounts_.updateCollaborator(other.id, "bob", Permission::view); }), Errc::notFound);
  EXPECT_EQ(accounts_.transferApp(app.id, "bob").owner, "bob");
  EXPECT_TRUE(accounts_.collaborators(app.id).empty());
  EXPECT_EQ(codeOf([&] { accounts_.removeCollaborator(app.id, "bob"); }), Errc::notFound);
}

TEST_F(AccountStoreTest, NothingIsMadeForWhoIsNoUser) {
  EXPECT_EQ(codeOf([&] { store_->createApp({AppName::parse("x"), "debian-12", "eve"}); }), Errc::notFound);
  EXPECT_EQ(codeOf([&] { store_->addToken({.user = "eve", .description = "", .secretHash = "h"}); }),
            Errc::notFound);
  EXPECT_FALSE(store_->findApp(AppName::parse("x")));
}

}  // namespace
}  // namespace store
