// Who may do what: every command as everybody.
#include "controller/access.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

#include "tests/unit/controller/command_fixture.h"

namespace controller {
namespace {

using store::Permission;
using store::Role;
using store::TokenKind;
using ::testing::HasSubstr;
using ::testing::Not;

/// '+' it may; '-' it may not, and hears why; '?' there is no such app; '0' it has to log in.
/// In the order of everybody(): nobody | stranger, viewer, deployer, operator, manager, owner, admin, local |
/// deploy key | the owner's tokens: full, read, deploy, push, pull; full, read, deploy of the app; full of
/// another app | read of an administrator
const std::string kAnybody = "0|++++++++|+|+++--++++|+";
const std::string kReadAccount = "0|++++++++|-|++-------|+";
const std::string kOwnAccount = "0|++++++++|-|+--------|-";
const std::string kReadServer = "0|------++|-|---------|+";
const std::string kAdminister = "0|------++|-|---------|-";
const std::string kView = "?|?+++++++|+|+++--+++?|+";
const std::string kDeploy = "?|?-++++++|+|+-+--+-+?|-";
const std::string kOperate = "?|?--+++++|-|+----+--?|-";
const std::string kManage = "?|?---++++|-|+----+--?|-";

const std::map<std::string, std::string> kCommands{
    {"access", kView},
    {"access:add", kManage},
    {"access:remove", kManage},
    {"access:update", kManage},
    {"apps", kAnybody},
    {"apps:create", kOwnAccount},
    {"apps:destroy", kManage},
    {"apps:info", kView},
    {"apps:rename", kManage},
    {"apps:transfer", kManage},
    {"backup", kAdminister},
    {"buildpacks", kView},
    {"buildpacks:add", kOperate},
    {"buildpacks:available", kAnybody},
    {"buildpacks:clear", kOperate},
    {"buildpacks:remove", kOperate},
    {"buildpacks:set", kOperate},
    {"builds", kView},
    {"builds:cancel", kDeploy},
    {"builds:create", kDeploy},
    {"builds:info", kView},
    {"builds:output", kView},
    {"config", kOperate},
    {"config:export", kOperate},
    {"config:get", kOperate},
    {"checks", kView},
    {"checks:set", kOperate},
    {"checks:unset", kOperate},
    {"config:import", kOperate},
    {"config:rotate-key", kAdminister},
    {"config:set", kOperate},
    {"config:unset", kOperate},
    {"cron", kView},
    {"cron:history", kView},
    {"cron:resume", kOperate},
    {"cron:run", kOperate},
    {"cron:suspend", kOperate},
    {"doctor", kAdminister},
    {"domains", kView},
    {"domains:add", kOperate},
    {"domains:remove", kOperate},
    {"drains", kOperate},
    {"drains:add", kOperate},
    {"drains:remove", kOperate},
    {"events", kView},
    {"features", kView},
    {"features:disable", kOperate},
    {"features:enable", kOperate},
    {"gc", kAdminister},
    {"keys", kReadAccount},
    {"keys:add", kOwnAccount},
    {"keys:remove", kOwnAccount},
    {"limits", kView},
    {"limits:set", kManage},
    {"limits:unset", kManage},
    {"logs", kView},
    {"maintenance", kView},
    {"maintenance:off", kOperate},
    {"maintenance:on", kOperate},
    {"network", kView},
    {"network:set", kManage},
    {"ps", kView},
    {"ps:exec", kOperate},
    {"ps:restart", kOperate},
    {"ps:stop", kOperate},
    {"ps:scale", kOperate},
    {"ps:type", kOperate},
    {"publish", kView},
    {"publish:now", kDeploy},
    {"publish:off", kManage},
    {"publish:to", kManage},
    {"rebase", kOperate},
    {"registries", kReadServer},
    {"registries:add", kAdminister},
    {"registries:remove", kAdminister},
    {"registry:login", kOwnAccount},
    {"registry:scrub", kAdminister},
    {"releases:output", kView},
    {"releases", kView},
    {"releases:info", kView},
    {"rollback", kDeploy},
    {"run", kOperate},
    {"run:stop", kOperate},
    {"server:stop", kAdminister},
    {"slugs", kView},
    {"slugs:download", kView},
    {"stacks", kAnybody},
    {"stacks:alias", kAdminister},
    {"stacks:create", kAdminister},
    {"stacks:import", kAdminister},
    {"stacks:set", kOperate},
    {"stacks:update", kAdminister},
    {"tokens", kReadAccount},
    {"tokens:create", kOwnAccount},
    {"tokens:revoke", kOwnAccount},
    {"users", kReadServer},
    {"users:create", kAdminister},
    {"users:remove", kAdminister},
    {"users:role", kAdminister},
    {"version", kAnybody},
    {"volumes", kView},
    {"volumes:add", kManage},
    {"volumes:remove", kManage},
    {"whoami", kAnybody},
};

class AccessTest : public CommandFixture {
 protected:
  AccessTest() {
    for (const char* user : {"stranger", "viewer", "deployer", "operator", "manager", "owner"})
      accounts_.createUser(user, Role::member);
    app_ = store_.createApp({store::AppName::parse("hello"), "debian-12", "owner"});
    other_ = store_.createApp({store::AppName::parse("other"), "debian-12", "owner"});
    accounts_.addCollaborator(app_.id, "viewer", Permission::view);
    accounts_.addCollaborator(app_.id, "deployer", Permission::deploy);
    accounts_.addCollaborator(app_.id, "operator", Permission::operate);
    accounts_.addCollaborator(app_.id, "manager", Permission::manage);
  }

  std::string keyOf(const std::string& user, std::optional<store::AppName> app = std::nullopt) {
    const std::string fingerprint = "SHA256:" + user + (app ? "-deploys" : "");
    if (!store_.findKey(fingerprint))
      store_.addKey({.fingerprint = fingerprint,
                     .publicKey = "ssh-ed25519 A",
                     .comment = "",
                     .user = user,
                     .createdAt = clock_.now(),
                     .app = std::move(app)});
    return fingerprint;
  }
  Identity byKey(const std::string& user, std::optional<store::AppName> app = std::nullopt) {
    return *access_.ofKey(keyOf(user, std::move(app)));
  }
  Identity byToken(TokenKind kind, std::optional<store::AppId> app = std::nullopt,
                   const std::string& user = "owner") {
    return access_.ofToken(store_.addToken({.user = user,
                                            .description = "",
                                            .secretHash = "hash " + std::to_string(++tokens_),
                                            .kind = kind,
                                            .app = app}));
  }
  std::vector<Identity> everybody() {
    std::vector<Identity> all{{}};
    for (const char* user : {"stranger", "viewer", "deployer", "operator", "manager", "owner", "ada"})
      all.push_back(byKey(user));
    all.push_back(localAdministrator());
    all.push_back(byKey("owner", app_.name));
    for (const TokenKind kind :
         {TokenKind::full, TokenKind::read, TokenKind::deploy, TokenKind::push, TokenKind::pull})
      all.push_back(byToken(kind));
    for (const TokenKind kind : {TokenKind::full, TokenKind::read, TokenKind::deploy})
      all.push_back(byToken(kind, app_.id));
    all.push_back(byToken(TokenKind::full, other_.id));
    all.push_back(byToken(TokenKind::read, std::nullopt, "ada"));
    return all;
  }
  char judge(const Identity& identity, Action action) {
    try {
      if (isAboutApp(action))
        access_.app(identity, action, "hello");
      else
        access_.require(identity, action);
      return '+';
    } catch (const base::Error& error) {
      if (error.code() == base::Errc::notFound) return '?';
      return error.code() == base::Errc::unauthenticated ? '0' : '-';
    }
  }
  Answer runAs(const Identity& identity, const std::vector<std::string>& argv) {
    return runWith(identity, argv);
  }

  store::App app_{.name = store::AppName::parse("none")};
  store::App other_{.name = store::AppName::parse("none")};
  int tokens_ = 0;
};

std::string withoutBars(std::string text) {
  std::erase(text, '|');
  return text;
}

TEST_F(AccessTest, EveryCommandAsEverybody) {
  const std::vector<Identity> all = everybody();
  std::map<std::string, std::string> found;
  for (const CommandSpec& spec : commands_.specs()) {
    std::string& verdicts = found[spec.name];
    for (const Identity& identity : all)
      verdicts += judge(identity, spec.action);
    const auto row = kCommands.find(spec.name);
    ASSERT_NE(row, kCommands.end()) << spec.name << " has no row here: say who may use it";
    EXPECT_EQ(verdicts, withoutBars(row->second)) << spec.name;
  }
  for (const auto& [name, row] : kCommands)
    EXPECT_TRUE(found.count(name)) << name << " is no command";
}

TEST_F(AccessTest, ACommandIsRefusedBeforeItRuns) {
  const Answer denied = runAs(byKey("viewer"), {"config:set", "A=b", "-a", "hello"});
  EXPECT_EQ(denied.code, 1);
  EXPECT_EQ(denied.err,
            "fairlead: viewer may not operate hello: ask owner for it (fairlead access:update viewer "
            "--permissions operate -a hello)\n");
  EXPECT_TRUE(current("hello").config.empty());
  EXPECT_THAT(runAs(byKey("viewer"), {"users:create", "eve", "--admin"}).err,
              HasSubstr("viewer may not administer the server"));
  EXPECT_FALSE(accounts_.findUser("eve"));
  EXPECT_THAT(runAs(byKey("deployer"), {"publish:now", "--to", "r.example/a", "-a", "hello"}).err,
              HasSubstr("deployer may not manage hello"));
  for (const char* more : {"debian-12", "x"})
    EXPECT_THAT(runAs(byKey("owner"), {"rebase", more}).err, HasSubstr("administer"));
  EXPECT_EQ(runAs(byKey("owner"), {"config:set", "A=b", "-a", "hello"}).code, 0);
}

TEST_F(AccessTest, WhatOneMayNotViewIsAnsweredAsWhatIsNotThere) {
  for (const char* command : {"ps", "config", "rollback", "apps:info", "events"}) {
    std::string hidden = runAs(byKey("stranger"), {command, "-a", "hello"}).err;
    std::string absent = runAs(byKey("stranger"), {command, "-a", "hullo"}).err;
    hidden.replace(hidden.find("hello"), 5, "hullo");
    EXPECT_EQ(hidden, absent);
  }
  EXPECT_EQ(runAs(byKey("stranger"), {"apps"}).out,
            "There are no apps yet: make one with fairlead apps:create NAME\n");
  EXPECT_THAT(runAs(byKey("viewer"), {"apps"}).out, HasSubstr("hello"));
  EXPECT_THAT(runAs(byKey("viewer"), {"apps"}).out, Not(HasSubstr("other")));
  EXPECT_THAT(runAs(byKey("owner", app_.name), {"apps"}).out, Not(HasSubstr("other")));
}

TEST_F(AccessTest, NamesAreComparedExactly) {
  accounts_.createUser("owne", Role::member);
  accounts_.createUser("owner2", Role::member);
  for (const char* user : {"owne", "owner2"})
    EXPECT_FALSE(access_.may(byKey(user), Action::viewApp, app_)) << user;
  EXPECT_THAT(run({"users:create", "OWNER"}).err, HasSubstr("there is a user owner already"));
  EXPECT_THAT(run({"users:create", "оwner"}).err, HasSubstr("no name for a user"));  // a Cyrillic letter
}

TEST_F(AccessTest, WhatIsTakenAwayIsGoneAtOnce) {
  const store::Token token = store_.addToken({.user = "deployer", .description = "", .secretHash = "h"});
  const Identity key = byKey("deployer");
  EXPECT_TRUE(access_.may(key, Action::deployApp, app_));
  accounts_.updateCollaborator(app_.id, "deployer", Permission::view);
  EXPECT_FALSE(access_.may(key, Action::deployApp, app_));
  EXPECT_EQ(run({"users:remove", "deployer"}).code, 0);
  EXPECT_FALSE(access_.ofKey("SHA256:deployer"));
  EXPECT_FALSE(store_.findToken(token.id));
  EXPECT_TRUE(access_.ofToken(token).user.empty());
  EXPECT_FALSE(accounts_.findCollaborator(app_.id, "deployer"));
}

TEST_F(AccessTest, SomebodyAlwaysAdministers) {
  EXPECT_THAT(run({"users:remove", "owner"}).err, HasSubstr("owns hello, other: give them to others first"));
  EXPECT_THAT(run({"users:remove", "admin"}).err, HasSubstr("server's own machine"));
  EXPECT_THAT(run({"users:role", "admin", "member"}).err, HasSubstr("server's own machine"));
  EXPECT_EQ(run({"users:role", "ada", "member"}).code, 0);
  EXPECT_EQ(accounts_.getUser("ada").role, Role::member);
  EXPECT_THAT(run({"users:role", "ada", "king"}).err, HasSubstr("use admin or member"));
}

TEST_F(AccessTest, MembersSeeAndRemoveTheirOwnOnly) {
  byKey("viewer");
  byKey("owner");
  EXPECT_THAT(runAs(byKey("viewer"), {"keys"}).out, Not(HasSubstr("owner")));
  EXPECT_THAT(runAs(byKey("viewer"), {"keys", "--all"}).err, HasSubstr("look at the whole server"));
  EXPECT_THAT(run({"keys", "--all"}).out, HasSubstr("SHA256:viewer"));
  EXPECT_THAT(runAs(byKey("viewer"), {"keys:remove", "SHA256:owner"}).err, HasSubstr("there is no key"));
  EXPECT_EQ(runAs(byKey("viewer"), {"keys:remove", "SHA256:viewer"}).code, 0);
  runAs(byKey("owner"), {"tokens:create", "mine"});
  EXPECT_THAT(runAs(byKey("viewer"), {"tokens"}).out, Not(HasSubstr("mine")));
  EXPECT_THAT(runAs(byKey("viewer"), {"tokens:revoke", "1"}).err, HasSubstr("there is no token"));
  EXPECT_EQ(runAs(byKey("owner"), {"tokens:revoke", "1"}).code, 0);
  EXPECT_THAT(runAs(byKey("viewer"), {"keys:add", "ssh-ed25519 A", "--user", "owner"}).err,
              HasSubstr("administer"));
}

TEST_F(AccessTest, ADeployKeyIsAddedByWhoManagesTheApp) {
  const std::string key =
      "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIB4Fz0hVv0wM0p6QmUyAOsQ8bNNOAQ6Ea3LhwsOPGRAv ci";
  EXPECT_THAT(runAs(byKey("deployer"), {"keys:add", key, "-a", "hello"}).err, HasSubstr("manage hello"));
  const Answer added = runAs(byKey("manager"), {"keys:add", key, "-a", "hello"});
  EXPECT_THAT(added.out, HasSubstr("added for manager, to deploy hello")) << added.err;
  EXPECT_THAT(runAs(byKey("manager"), {"keys"}).out, HasSubstr("deploys hello"));
  store_.destroyApp(app_.id);
  EXPECT_THAT(runAs(byKey("manager"), {"keys"}).out, Not(HasSubstr("deploys")));
}

TEST_F(AccessTest, AnAppIsGivenToOthers) {
  EXPECT_EQ(runAs(byKey("owner"), {"apps:transfer", "viewer", "-a", "hello"}).out,
            "hello belongs to viewer\n");
  EXPECT_THAT(runAs(byKey("owner"), {"ps", "-a", "hello"}).err, HasSubstr("there is no app"));
  EXPECT_EQ(runAs(byKey("viewer"), {"access:add", "owner", "--permissions", "view", "-a", "hello"}).out,
            "owner may view hello\n");
  EXPECT_THAT(runAs(byKey("viewer"), {"access:add", "eve", "--permissions", "view", "-a", "hello"}).err,
              HasSubstr("no user \"eve\""));
  EXPECT_THAT(runAs(byKey("viewer"), {"access:add", "ada", "--permissions", "all", "-a", "hello"}).err,
              HasSubstr("use --permissions with view, deploy, operate or manage"));
  EXPECT_THAT(runAs(byKey("viewer"), {"access:remove", "ada", "-a", "hello"}).err,
              HasSubstr("no collaborator of hello"));
}

TEST_F(AccessTest, LastUseIsNotedToTheMinute) {
  EXPECT_FALSE(store_.findKey(keyOf("viewer"))->lastUsedAt);
  const auto first = clock_.now();
  byKey("viewer");
  clock_.advance(std::chrono::seconds(30));
  byKey("viewer");
  EXPECT_EQ(store_.findKey("SHA256:viewer")->lastUsedAt, first);
  clock_.advance(std::chrono::seconds(30));
  byKey("viewer");
  EXPECT_EQ(store_.findKey("SHA256:viewer")->lastUsedAt, clock_.now());
}

}  // namespace
}  // namespace controller
