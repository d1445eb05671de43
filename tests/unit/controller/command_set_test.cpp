#include "controller/command_set.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "gitd/repository.h"
#include "tests/unit/controller/command_fixture.h"

namespace controller {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

class CommandSetTest : public CommandFixture {};

TEST_F(CommandSetTest, GcTellsWhatGoesAndWhy) {
  EXPECT_EQ(run({"gc", "--plan"}).out, "Nothing to collect\n");
  const store::Digest stray = store::putBlob(diskBlobs_, "stray").digest;
  const std::string plan = run({"gc", "--plan"}).out;
  EXPECT_THAT(plan, HasSubstr("blob  " + stray.str()));
  EXPECT_THAT(plan, HasSubstr("no release, image or upload names it\n1 blob would go: "));
  EXPECT_THAT(run({"gc", "--plan", "--json"}).out, HasSubstr("\"bytes\":5"));
  EXPECT_EQ(run({"gc"}).out, "Nothing to collect\n") << "it came just now";
}

TEST_F(CommandSetTest, RegistriesAreLoggedInTo) {
  std::filesystem::create_directories(folder_.keys());
  EXPECT_THAT(run({"registries"}).out, HasSubstr("fairlead registries:add"));
  EXPECT_THAT(run({"registries:add", "ghcr.io"}).err, HasSubstr("--username"));
  EXPECT_THAT(run({"registries:add", "https://ghcr.io", "--username", "me"}).err,
              HasSubstr("no registry's host"));
  EXPECT_THAT(run({"registries:add", "ghcr.io", "--username", "me"}).err, HasSubstr("password is empty"));
  credentials_.put("ghcr.io", {"me", "secret", ""});
  EXPECT_EQ(run({"registries"}).out, "ghcr.io  me\n");
  EXPECT_EQ(run({"registries:remove", "ghcr.io"}).code, 0);
  EXPECT_THAT(run({"registries:remove", "ghcr.io"}).err, HasSubstr("there is no login"));
}

TEST_F(CommandSetTest, PublishingNeedsARepository) {
  run({"apps:create", "hello"});
  EXPECT_THAT(run({"publish", "-a", "hello"}).out, HasSubstr("Releases go nowhere"));
  EXPECT_THAT(run({"publish:now", "-a", "hello"}).err, HasSubstr("where to?"));
  EXPECT_THAT(run({"publish:now", "-a", "hello", "--to", "r.example/a"}).err, HasSubstr("v1 has no image"));
  EXPECT_THAT(run({"publish:to", "r.example/a:v1", "-a", "hello"}).err, HasSubstr("has a tag"));
  EXPECT_THAT(run({"publish:to", "r.example/team/hello", "-a", "hello"}).out,
              HasSubstr("from the next one on"));
  EXPECT_THAT(run({"publish", "-a", "hello"}).out, HasSubstr("Releases go to r.example/team/hello"));
  EXPECT_EQ(run({"publish:off", "-a", "hello"}).code, 0);
  EXPECT_THAT(run({"publish", "-a", "hello"}).out, HasSubstr("Releases go nowhere"));
}

TEST_F(CommandSetTest, AMistypedCommandNamesTheNearestAndIsAUsageError) {
  const Answer answer = run({"apps:creat", "x"});
  EXPECT_EQ(answer.code, 2);
  EXPECT_THAT(answer.err, HasSubstr("did you mean apps:create?"));
  EXPECT_EQ(answer.out, "");
}

TEST_F(CommandSetTest, UsageErrorsAreOneLineWithTheUsage) {
  EXPECT_THAT(run({"config:get", "-a", "x"}).err,
              HasSubstr("something is missing; usage: fairlead config:get KEY"));
  EXPECT_THAT(run({"apps", "extra"}).err, HasSubstr("one word too many"));
  EXPECT_THAT(run({"apps", "--colour"}).err, HasSubstr("no option --colour"));
  EXPECT_THAT(run({"apps:info", "-a"}).err, HasSubstr("needs a value"));
  EXPECT_THAT(run({"ps", "--json=yes"}).err, HasSubstr("takes no value"));
  for (const auto& argv : {std::vector<std::string>{"apps", "extra"}, {"apps", "-x"}})
    EXPECT_EQ(run(argv).code, 2);
}

TEST_F(CommandSetTest, CreatesAnAppWithARepositoryAndReleaseOne) {
  const Answer answer = run({"apps:create", "hello", "--json"});
  EXPECT_EQ(answer.code, 0) << answer.err;
  const auto json = base::parseJsonObject(answer.out, "answer");
  EXPECT_EQ(base::jsonString(json, "name"), "hello");
  EXPECT_TRUE(std::filesystem::exists(folder_.root() / "repos/hello.git/HEAD"));
  EXPECT_THAT(run({"releases", "-a", "hello"}).out, HasSubstr("Current: v1"));
}

TEST_F(CommandSetTest, RefusesANameThatIsTakenOrCannotBe) {
  ASSERT_EQ(run({"apps:create", "hello"}).code, 0);
  const Answer taken = run({"apps:create", "hello"});
  EXPECT_EQ(taken.code, 1);
  EXPECT_THAT(taken.err, HasSubstr("taken"));
  EXPECT_TRUE(std::filesystem::exists(folder_.root() / "repos/hello.git/HEAD"))
      << "the first app's repository was touched";
  for (const char* bad : {"Hello", "../x", "a b", "-a", "", "stacks", "a.b"})
    EXPECT_NE(run({"apps:create", "--", bad}).code, 0) << bad;
}

TEST_F(CommandSetTest, AnUnknownAppIsOneSentenceWithTheWayOut) {
  EXPECT_THAT(run({"ps", "-a", "nobody"}).err, HasSubstr("there is no app \"nobody\""));
  EXPECT_THAT(run({"ps"}).err, HasSubstr("-a APP"));
  EXPECT_EQ(run({"ps"}).code, 1);
}

TEST_F(CommandSetTest, ConfigSetBeforeThePushMakesAReleaseAndLaunchesNothing) {
  run({"apps:create", "hello"});
  EXPECT_EQ(run({"config:set", "A=1", "B=two=2", "-a", "hello"}).code, 0);
  EXPECT_EQ(run({"config:get", "B", "-a", "hello"}).out, "two=2\n");
  EXPECT_THAT(run({"releases", "-a", "hello"}).out, HasSubstr("Set A, B config vars"));
  EXPECT_TRUE(engine_.deployments().empty());
  for (const char* bad : {"novalue", "1A=x", "A B=x", "=x"})
    EXPECT_EQ(run({"config:set", bad, "-a", "hello"}).code, 1) << bad;
  EXPECT_EQ(run({"config:unset", "MISSING", "-a", "hello"}).code, 1);
  EXPECT_EQ(store_.releases(1, 10).size(), 2u) << "a refused change made a release";
}

TEST_F(CommandSetTest, ConfigSetLaunchesTheSameSlugWithTheUsersValueOverTheDefault) {
  run({"apps:create", "hello"});
  deploySlug("hello");
  EXPECT_EQ(engine_.deployments().back().environment.at("FROM_BUILDPACK"), "default");
  ASSERT_EQ(run({"config:set", "FROM_BUILDPACK=mine", "-a", "hello"}).code, 0);
  EXPECT_EQ(engine_.deployments().back().environment.at("FROM_BUILDPACK"), "mine");
  EXPECT_EQ(engine_.deployments().back().release.number, 3);
  EXPECT_EQ(engine_.deployments().back().layers.size(), 3u) << "run image, slug, start layer";
}

TEST_F(CommandSetTest, AFailedLaunchLeavesTheReleaseBeforeCurrentAndSaysWhy) {
  run({"apps:create", "hello"});
  deploySlug("hello");
  engine_.failNext({"web.1", "exited with status 1", {"boom"}});
  const Answer answer = run({"config:set", "A=1", "-a", "hello"});
  EXPECT_EQ(answer.code, 1);
  EXPECT_THAT(answer.err, HasSubstr("release v3 failed: web.1 exited with status 1"));
  EXPECT_THAT(answer.err, HasSubstr("boom"));
  EXPECT_EQ(run({"config:get", "A", "-a", "hello"}).code, 1) << "config is as it was";
  const auto repository = store::RepositoryName::parse("hello");
  EXPECT_EQ(store_.findManifestByTag(repository, "latest")->digest,
            store_.findManifestByTag(repository, "v2")->digest);
  EXPECT_THAT(run({"releases", "-a", "hello"}).out, HasSubstr("Current: v2"));
}

TEST_F(CommandSetTest, RollbackAppendsAReleaseWithTheOldSlugAndConfig) {
  run({"apps:create", "hello"});
  deploySlug("hello");
  run({"config:set", "A=1", "-a", "hello"});
  ASSERT_EQ(run({"rollback", "v2", "-a", "hello"}).code, 0);
  EXPECT_THAT(run({"releases", "-a", "hello"}).out, HasSubstr("Rollback to v2"));
  EXPECT_EQ(engine_.deployments().back().release.number, 4);
  EXPECT_EQ(engine_.deployments().back().environment.count("A"), 0u);
  EXPECT_EQ(run({"rollback", "v1", "-a", "hello"}).code, 1) << "v1 has no slug";
  EXPECT_EQ(run({"rollback", "v99", "-a", "hello"}).code, 1);
  EXPECT_EQ(run({"rollback", "latest", "-a", "hello"}).code, 1);
}

TEST_F(CommandSetTest, ScaleChangesTheFormationOnlyWhenTheProcessesCameUp) {
  run({"apps:create", "hello"});
  EXPECT_THAT(run({"ps:scale", "web=2", "-a", "hello"}).err, HasSubstr("push first"));
  deploySlug("hello");
  ASSERT_EQ(run({"ps:scale", "web=2", "worker=1", "-a", "hello"}).code, 0);
  EXPECT_THAT(run({"ps", "-a", "hello"}).out, HasSubstr("worker.1"));
  engine_.failNext({"web.3", "exited", {}});
  EXPECT_EQ(run({"ps:scale", "web=3", "-a", "hello"}).code, 1);
  EXPECT_THAT(run({"ps:scale", "-a", "hello"}).out, HasSubstr("web at 2"));
  EXPECT_THAT(run({"ps:scale", "wbe=2", "-a", "hello"}).err, HasSubstr("this app has web, worker"));
  EXPECT_EQ(run({"ps:scale", "web=-1", "-a", "hello"}).code, 1);
  EXPECT_EQ(run({"ps:scale", "web=101", "-a", "hello"}).code, 1);
}

TEST_F(CommandSetTest, DestroyAsksForTheNameAndThenLeavesNothing) {
  run({"apps:create", "hello"});
  deploySlug("hello");
  EXPECT_THAT(run({"apps:destroy", "-a", "hello"}).err, HasSubstr("--confirm hello"));
  EXPECT_TRUE(store_.findApp(store::AppName::parse("hello")));
  ASSERT_EQ(run({"apps:destroy", "-a", "hello", "--confirm", "hello"}).code, 0);
  EXPECT_FALSE(store_.findApp(store::AppName::parse("hello")));
  EXPECT_FALSE(std::filesystem::exists(folder_.root() / "repos/hello.git"));
  EXPECT_EQ(engine_.removed(), std::vector<std::string>{"hello"});
  EXPECT_EQ(run({"apps:create", "hello"}).code, 0) << "the name is free again";
}

TEST_F(CommandSetTest, KeysAreTakenAsWordsOrAsText) {
  const std::string key =
      "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJuT9dyJvrYqwqQ6yJ0Zzq2c3n0b7a3Xn8gqk1k2v3x4 ada@home";
  EXPECT_EQ(run({"keys:add", "not", "a", "key"}).code, 1);
  EXPECT_EQ(run({"keys:add"}, key).code, 0);
  EXPECT_EQ(run({"keys:add"}, key).code, 1) << "the same key twice";
  EXPECT_THAT(run({"keys"}).out, HasSubstr("ada@home"));
}

TEST_F(CommandSetTest, ListsBuildpacksInTheOrderOfDetection) {
  const std::string text = run({"buildpacks:available"}).out;
  EXPECT_TRUE(text.starts_with("ruby "));
  EXPECT_LT(text.find("\nnodejs "), text.find("\nprocfile "));
  EXPECT_THAT(text.substr(text.find("\napt ")), HasSubstr("by name"));
  EXPECT_THAT(run({"buildpacks:available", "--json"}).out, HasSubstr("\"origin\":\"bundled\""));
}

TEST_F(CommandSetTest, TokensAreShownOnceAndStoredHashed) {
  const auto json = base::parseJsonObject(run({"tokens:create", "--json"}).out, "answer");
  const std::string secret = base::jsonString(json, "token");
  ASSERT_FALSE(secret.empty());
  EXPECT_TRUE(store_.findToken(base::Digest::of(secret).hex()));
  EXPECT_FALSE(store_.findToken(secret));
}

TEST_F(CommandSetTest, ATokensRightsAreSaidWhenItIsMade) {
  run({"apps:create", "hello"});
  const auto made = [&](std::vector<std::string> words) {
    words.insert(words.begin(), "tokens:create");
    words.emplace_back("--json");
    const Answer answer = run(words);
    EXPECT_EQ(answer.code, 0) << answer.err;
    return *store_.findToken(
        base::Digest::of(base::jsonString(base::parseJsonObject(answer.out, "answer"), "token")).hex());
  };
  EXPECT_EQ(made({"laptop"}).kind, store::TokenKind::full);
  EXPECT_EQ(made({"laptop"}).description, "laptop");
  EXPECT_EQ(made({"--pull"}).kind, store::TokenKind::pull);
  EXPECT_EQ(made({"--push"}).kind, store::TokenKind::push);
  const store::Token bound = made({"ci", "-a", "hello", "--expires", "2w"});
  EXPECT_EQ(bound.kind, store::TokenKind::push);  // a token of one app is never one for the API
  EXPECT_EQ(bound.app->str(), "hello");
  EXPECT_EQ(bound.expiresAt, clock_.now() + std::chrono::weeks(2));
  EXPECT_EQ(made({"--pull", "-a", "hello", "--expires", "never"}).expiresAt, std::nullopt);
  for (const char* wrong : {"", "90", "d", "0d", "-1d", "1y", "99999999999d", "soon"})
    EXPECT_EQ(run({"tokens:create", "--expires", wrong}).code, 1) << wrong;
  EXPECT_EQ(run({"tokens:create", "--pull", "--push"}).code, 1);
  EXPECT_EQ(run({"tokens:create", "-a", "nobody"}).code, 1);
}

TEST_F(CommandSetTest, TokensAreListedWithTheirRightsAndRemoved) {
  run({"apps:create", "hello"});
  run({"tokens:create", "laptop"});
  run({"tokens:create", "node", "--pull", "-a", "hello", "--expires", "1h"});
  EXPECT_THAT(run({"tokens"}).out,
              HasSubstr("pull images  of hello  until 2026-01-31T13:00:00Z  never used  node"));
  clock_.advance(std::chrono::hours(1));
  EXPECT_THAT(run({"tokens"}).out, HasSubstr("expired 2026-01-31T13:00:00Z"));
  EXPECT_THAT(run({"tokens", "--json"}).out, HasSubstr("\"kind\":\"pull\",\"app\":\"hello\""));
  EXPECT_EQ(run({"tokens:revoke", "2"}).code, 0);
  EXPECT_THAT(run({"tokens"}).out, Not(HasSubstr("node")));
  EXPECT_EQ(run({"tokens:revoke", "2"}).code, 1);
  EXPECT_EQ(run({"tokens:revoke", "laptop"}).code, 1);
}

TEST_F(CommandSetTest, ALoginIsATokenAndWhatToDoWithIt) {
  urls_.setEndpoints({"127.0.0.1:2222", "127.0.0.1:5000", "127.0.0.1:8080"});
  const Answer answer = run({"registry:login"});
  EXPECT_EQ(answer.code, 0) << answer.err;
  const store::Token token = store_.tokens().at(0);
  EXPECT_EQ(token.kind, store::TokenKind::pull);
  EXPECT_EQ(token.expiresAt, clock_.now() + std::chrono::days(90));
  for (const char* part :
       {"| docker login --username fairlead --password-stdin localhost:5000\n",
        "| podman login --username fairlead --password-stdin --tls-verify=false localhost:5000\n",
        "/etc/containerd/certs.d/localhost:5000/hosts.toml", "server = \"http://localhost:5000\"",
        "kubectl create secret docker-registry fairlead --docker-server=localhost:5000 "})
    EXPECT_THAT(answer.out, HasSubstr(part));
  EXPECT_THAT(answer.out, Not(HasSubstr("insecure-registries")));  // docker takes loopback as it is
  EXPECT_THAT(run({"registry:login", "--url", "http://paas.example.org:5000"}).out,
              HasSubstr("{\"insecure-registries\": [\"paas.example.org:5000\"]}"));
  const std::string tls = run({"registry:login", "--url", "https://paas.example.org"}).out;
  EXPECT_THAT(tls, HasSubstr("/etc/docker/certs.d/paas.example.org/ca.crt"));
  EXPECT_THAT(tls, Not(HasSubstr("--tls-verify=false")));
  EXPECT_THAT(run({"registry:login", "--push", "--json"}).out, HasSubstr("\"kind\":\"push\""));
  EXPECT_EQ(run({"registry:login", "--url", "paas.example.org"}).code, 1);
}

TEST_F(CommandSetTest, OnlyTheMachinesOwnAdministratorStopsTheServer) {
  Text out, err;
  EXPECT_EQ(
      commands_.run(identityOf("ada"), {"server:stop"},
                    {.out = out, .err = err, .save = nullptr, .input = "", .defaultApp = "", .stop = {}}),
      1);
  EXPECT_FALSE(stopped_);
  EXPECT_EQ(run({"server:stop"}).code, 0);
  EXPECT_TRUE(stopped_);
}

TEST_F(CommandSetTest, AReleaseStaysOnItsRunImageUntilItIsRebased) {
  run({"apps:create", "hello"});
  const store::Digest old = putStack("debian-12", "old");
  deploySlug("hello");
  const store::Digest young = putStack("debian-12", "young");
  run({"config:set", "A=1", "-a", "hello"});
  EXPECT_EQ(current("hello").runImage, old) << "a config change is no rebase";
  EXPECT_EQ(lowestLayerRunning(), old);

  EXPECT_THAT(run({"rebase", "debian-12", "--plan"}).out,
              HasSubstr(old.hex().substr(0, 12) + " -> sha256:" + young.hex().substr(0, 12)));
  EXPECT_EQ(current("hello").version.number, 3) << "a plan changes nothing";
  const Answer rebased = run({"rebase", "debian-12"});
  EXPECT_EQ(rebased.code, 0) << rebased.err;
  EXPECT_THAT(rebased.out, HasSubstr("hello: released v4 (Rebase on debian-12 (sha256:"));
  EXPECT_EQ(current("hello").runImage, young);
  EXPECT_EQ(current("hello").config, (store::ConfigVars{{"A", "1"}}));
  EXPECT_EQ(lowestLayerRunning(), young);
  EXPECT_THAT(run({"rebase", "-a", "hello"}).out, HasSubstr("Nothing to rebase"));

  EXPECT_EQ(run({"rollback", "v3", "-a", "hello"}).code, 0);
  EXPECT_EQ(current("hello").runImage, old) << "a rollback goes back to exactly what ran";
  EXPECT_EQ(lowestLayerRunning(), old);
  const store::App app = store_.getApp(store::AppName::parse("hello"));
  const auto layersOf = [&](std::int64_t version) {
    const auto manifest = store_.findManifest(store::RepositoryName::parse("hello"),
                                              *store_.getRelease(app.id, {version}).manifest);
    std::vector<store::Digest> digests;
    for (const store::Descriptor& blob : manifest->blobs)
      digests.push_back(blob.digest);
    digests.erase(digests.begin());  // the config
    return digests;
  };
  EXPECT_EQ(layersOf(4)[0], young);
  EXPECT_EQ(layersOf(4)[1], layersOf(3)[1]) << "the slug's layer stays";
  EXPECT_EQ(layersOf(5), layersOf(3));
}

TEST_F(CommandSetTest, ARebaseGoesOnPastAnAppThatFails) {
  for (const char* app : {"one", "two"}) {
    run({"apps:create", app});
    deploySlug(app);
  }
  run({"apps:create", "empty"});
  EXPECT_THAT(run({"apps:create", "elsewhere", "--stack", "other"}).err, HasSubstr("there is no stack"));
  putStack("other", "base");
  run({"apps:create", "elsewhere", "--stack", "other"});
  deploySlug("elsewhere");
  const store::Digest old = *current("one").runImage;
  const store::Digest young = putStack("debian-12", "young");
  engine_.failNext({.process = "web.1", .reason = "exited with status 1", .lastLines = {}});
  const Answer answer = run({"rebase", "debian-12", "--json"});
  EXPECT_EQ(answer.code, 1);
  EXPECT_THAT(answer.err, HasSubstr("one: release v3 failed: web.1 exited with status 1; v2 serves on"));
  EXPECT_THAT(answer.out, HasSubstr(R"("status":"failed")"));
  EXPECT_THAT(answer.out, HasSubstr(R"("status":"succeeded")"));
  EXPECT_EQ(current("one").runImage, old);
  EXPECT_EQ(current("two").runImage, young);
  EXPECT_EQ(current("empty").version.number, 1);
  EXPECT_EQ(current("elsewhere").version.number, 2);
  EXPECT_EQ(run({"rebase", "debian-12"}).code, 0) << "what failed is tried again";
  EXPECT_EQ(current("one").runImage, young);
}

TEST_F(CommandSetTest, StacksAreNamedForBuildsAndSetForApps) {
  run({"apps:create", "hello"});
  putStack("debian-12", "base");
  EXPECT_THAT(run({"stacks", "--json"}).out, HasSubstr(R"("stack_name":"debian-12")"));
  EXPECT_EQ(run({"stacks:alias", "debian-12", "heroku-22"}).code, 0);
  EXPECT_THAT(run({"stacks", "--json"}).out, HasSubstr(R"("stack_name":"heroku-22")"));
  for (const char* bad : {"", "../x", "a/b", "A", ".."})
    EXPECT_EQ(run({"stacks:alias", "debian-12", bad}).code, 1) << bad;
  EXPECT_THAT(run({"stacks:set", "other", "-a", "hello"}).err, HasSubstr("there is no stack other"));
  putStack("other", "base");
  EXPECT_EQ(run({"stacks:set", "other", "-a", "hello"}).code, 0);
  EXPECT_EQ(store_.getApp(store::AppName::parse("hello")).stack, "other");
  EXPECT_THAT(run({"stacks:update", "absent"}).err, HasSubstr("there is no stack absent"));
  EXPECT_THAT(run({"rebase", "absent"}).err, HasSubstr("there is no stack absent"));
  EXPECT_THAT(run({"rebase"}).err, HasSubstr("which app?"));
}

TEST_F(CommandSetTest, AnImportNamesTwoImagesThatTheCallerMayRead) {
  EXPECT_THAT(run({"stacks:import", "mine", "--run", "x"}).err, HasSubstr("--build REF"));
  EXPECT_THAT(run({"stacks:import", "debian-12", "--run", "x", "--build", "y"}).err,
              HasSubstr("under another name"));
  EXPECT_THAT(run({"stacks:import", "a/b", "--run", "x", "--build", "y"}).err,
              HasSubstr("no name for a stack"));
  Text out, err;
  EXPECT_EQ(
      commands_.run(identityOf("ada"), {"stacks:import", "mine", "--run", "oci:/etc", "--build", "y"},
                    {.out = out, .err = err, .save = nullptr, .input = "", .defaultApp = "", .stop = {}}),
      1);
  EXPECT_THAT(err.text, HasSubstr("on the server's own machine only"));
  putStack("mine", "base");
  EXPECT_THAT(run({"stacks:update", "mine"}).err, HasSubstr("was imported: do it again"));
}

TEST_F(CommandSetTest, ACommandGoesInsideAProcessThatRuns) {
  run({"apps:create", "hello"});
  EXPECT_THAT(run({"ps:exec", "web.1", "ls", "-a", "hello"}).err,
              HasSubstr("no process \"web.1\" is running"));
  deploySlug("hello");
  oneOffs_.output = "a file\n";
  oneOffs_.exitCode = 3;
  oneOffs_.reason = "exited with status 3";
  const Answer answer = run({"ps:exec", "--timeout", "5", "web.1", "ls", "-l", "-a", "hello"});
  EXPECT_EQ(answer.code, 3);
  EXPECT_EQ(answer.out, "a file\n");
  EXPECT_EQ(answer.err, "");
  ASSERT_EQ(oneOffs_.execs().size(), 1u);
  const runner::Exec asked = oneOffs_.execs()[0];
  EXPECT_EQ(asked.container, "web.1.container");
  EXPECT_EQ(asked.command, (std::vector<std::string>{"ls", "-l"}));
  EXPECT_EQ(asked.timeout.count(), 5);
  EXPECT_EQ(asked.user, "ada");
  oneOffs_.reason = "was ended with web.1, which has ended or been replaced";
  EXPECT_EQ(run({"ps:exec", "web.1", "-a", "hello"}).err,
            "fairlead: the command in web.1 was ended with web.1, which has ended or been replaced\n");
  EXPECT_TRUE(oneOffs_.execs()[1].command.empty()) << "a shell";
  run({"run", "--detached", "-a", "hello", "sleep", "1000"});
  EXPECT_THAT(run({"ps:exec", "run.1", "ls", "-a", "hello"}).err, HasSubstr("does not run at the moment"))
      << "the fake's one-off has no container";
  EXPECT_THAT(run({"ps:exec", "web.9", "ls", "-a", "hello"}).err, HasSubstr("no process \"web.9\""));
}

TEST_F(CommandSetTest, AOneOffProcessHasTheSizeThatItAsksForWithinTheOperatorsMost) {
  run({"apps:create", "hello"});
  deploySlug("hello");
  EXPECT_EQ(run({"run", "-a", "hello", "--memory", "1G", "--cpus", "0.5", "true"}).code, 0);
  EXPECT_EQ(oneOffs_.asked().back().memoryBytes, 1ull << 30);
  EXPECT_EQ(oneOffs_.asked().back().cpus, 0.5);
  run({"run", "-a", "hello", "true"});
  EXPECT_EQ(oneOffs_.asked().back().memoryBytes, 0u) << "as every process";
  EXPECT_THAT(run({"run", "-a", "hello", "--memory", "5G", "true"}).err,
              HasSubstr("--memory may be at most 4G: the setting run_memory_max_bytes"));
  EXPECT_THAT(run({"run", "-a", "hello", "--memory", "2M", "true"}).err, HasSubstr("at least 16M"));
  EXPECT_THAT(run({"run", "-a", "hello", "--memory", "much", "true"}).err,
              HasSubstr("--memory takes a size like 512M or 2G"));
  EXPECT_THAT(run({"run", "-a", "hello", "--cpus", "0", "true"}).err, HasSubstr("--cpus must be at least"));
  EXPECT_EQ(oneOffs_.asked().size(), 2u);
}

TEST_F(CommandSetTest, LimitsOfAnAppAreSetShownAndTakenBack) {
  run({"apps:create", "hello"});
  EXPECT_THAT(run({"limits", "-a", "hello"}).out, HasSubstr("build_memory_bytes       4G"));
  const Answer set = run({"limits:set", "build_memory_bytes=6G", "build_cpus=0.5", "-a", "hello", "--json"});
  EXPECT_EQ(set.code, 0) << set.err;
  EXPECT_THAT(set.out, HasSubstr(R"("name":"build_cpus","value":"0.5")"));
  EXPECT_THAT(run({"limits", "-a", "hello"}).out, HasSubstr("set; default 4G, at most 8G"));
  EXPECT_EQ(limits_.ofBuild(store_.settings(store_.getApp(store::AppName::parse("hello")).id)).memoryBytes,
            6ull << 30);
  EXPECT_EQ(run({"limits:unset", "build_memory_bytes", "-a", "hello"}).code, 0);
  EXPECT_THAT(run({"limits", "-a", "hello"}).out,
              HasSubstr("build_memory_bytes       4G      default, at most 8G"));
}

TEST_F(CommandSetTest, LimitsBeyondTheOperatorsAreRefusedWhole) {
  run({"apps:create", "hello"});
  const Answer more = run({"limits:set", "build_pids=10", "build_memory_bytes=9G", "-a", "hello"});
  EXPECT_EQ(more.code, 1);
  EXPECT_THAT(more.err, HasSubstr("at most 8G"));
  EXPECT_THAT(more.err, HasSubstr("app_limits_max"));
  EXPECT_TRUE(store_.settings(store_.getApp(store::AppName::parse("hello")).id).empty());
  EXPECT_THAT(run({"limits:set", "build_timeout_s=901", "-a", "hello"}).err, HasSubstr("at most 900"));
  EXPECT_THAT(run({"limits:set", "build_idle_timeout_s=0", "-a", "hello"}).err, HasSubstr("at most 600"));
  EXPECT_THAT(run({"limits:set", "build_memry_bytes=1G", "-a", "hello"}).err,
              HasSubstr("did you mean build_memory_bytes?"));
}

TEST_F(CommandSetTest, NetworkPolicyIsAListOfHosts) {
  run({"apps:create", "hello"});
  EXPECT_THAT(run({"network", "-a", "hello", "--json"}).out, HasSubstr(R"("policy":"full")"));
  const Answer set = run({"network:set", "allow", "Registry.example.org,mirror.example.org:80", "*.x.org",
                          "-a", "hello", "--json"});
  EXPECT_EQ(set.code, 0) << set.err;
  EXPECT_THAT(set.out, HasSubstr(R"("hosts":["registry.example.org","mirror.example.org:80","*.x.org"])"));
  EXPECT_THAT(run({"network", "-a", "hello"}).out, HasSubstr("mirror.example.org:80"));
  EXPECT_EQ(run({"network:set", "some", "-a", "hello"}).code, 1);
  EXPECT_EQ(run({"network:set", "none", "-a", "hello"}).code, 0);
  EXPECT_THAT(run({"network", "-a", "hello", "--json"}).out, HasSubstr(R"("policy":"none")"));
}

}  // namespace
}  // namespace controller
