// Walks over the table of commands: what holds for every one of them, those that come later included.
#include <Poco/JSON/Parser.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>

#include "tests/unit/controller/command_fixture.h"

namespace controller {
namespace {

using ::testing::HasSubstr;

constexpr const char* kKey =
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJuT9dyJvrYqwqQ6yJ0Zzq2c3n0b7a3Xn8gqk1k2v3x4 ada@home";

/// A call of a command, as one would make it. In this order each finds what it is about.
struct Call {
  std::string command;
  std::vector<std::string> words;
  std::string input = "";
  int code = 0;
};

/// Everything that prints something of its own: what lists, what shows, and what changes and says what came
/// of it.
std::vector<Call> everyCall() {
  return {
      {"apps:create", {"hello"}},
      {"stacks:alias", {"debian-12", "heroku-24"}},
      {"stacks:set", {"debian-12", "-a", "hello"}},
      {"stacks", {}},
      {"config:set", {"GREETING=hello", "-a", "hello"}},
      {"config", {"-a", "hello"}},
      {"config:get", {"GREETING", "-a", "hello"}},
      {"config:export", {"-a", "hello"}},
      {"config:import", {"-", "-a", "hello"}, "OTHER=value\n"},
      {"config:unset", {"OTHER", "-a", "hello"}},
      {"config:rotate-key", {}},
      {"users:create", {"bob"}},
      {"users:role", {"bob", "member"}},
      {"users", {}},
      {"access:add", {"bob", "--permissions", "view", "-a", "hello"}},
      {"access:update", {"bob", "--permissions", "deploy", "-a", "hello"}},
      {"access", {"-a", "hello"}},
      {"access:remove", {"bob", "-a", "hello"}},
      {"apps", {}},
      {"apps:info", {"-a", "hello"}},
      {"domains:add", {"www.example.org", "-a", "hello"}},
      {"domains", {"-a", "hello"}},
      {"domains:remove", {"www.example.org", "-a", "hello"}},
      {"maintenance:on", {"-a", "hello"}},
      {"maintenance", {"-a", "hello"}},
      {"maintenance:off", {"-a", "hello"}},
      {"drains:add", {"syslog+tls://logs.example.org:6514", "-a", "hello"}},
      {"drains", {"-a", "hello"}},
      {"drains:remove", {"syslog+tls://logs.example.org:6514", "-a", "hello"}},
      {"features:enable", {"cancel-when-lost", "-a", "hello"}},
      {"features", {"-a", "hello"}},
      {"features:disable", {"cancel-when-lost", "-a", "hello"}},
      {"limits:set", {"build_cpus=1", "-a", "hello"}},
      {"limits", {"-a", "hello"}},
      {"limits:unset", {"build_cpus", "-a", "hello"}},
      {"network:set", {"none", "-a", "hello"}},
      {"network", {"-a", "hello"}},
      {"buildpacks:available", {}},
      {"buildpacks:set", {"nodejs", "-a", "hello"}},
      {"buildpacks:add", {"ruby", "-a", "hello"}},
      {"buildpacks", {"-a", "hello"}},
      {"buildpacks:remove", {"ruby", "-a", "hello"}},
      {"buildpacks:clear", {"-a", "hello"}},
      {"releases", {"-a", "hello"}},
      {"releases:info", {"-a", "hello"}},
      {"rollback", {"v2", "-a", "hello"}},
      {"builds", {"-a", "hello"}},
      {"builds:info", {"-a", "hello"}},
      {"slugs", {"-a", "hello"}},
      {"publish", {"-a", "hello"}},
      {"publish:now", {"--to", "r.example/team/hello", "--detach", "-a", "hello"}},
      {"publish:off", {"-a", "hello"}},
      {"publish:to", {"r.example/team/empty", "-a", "empty"}},
      {"ps:scale", {"web=2", "-a", "hello"}},
      {"ps:type", {"web=256M", "-a", "hello"}},
      {"ps", {"-a", "hello"}},
      {"checks:set", {"web", "liveness", "--path", "/", "-a", "hello"}},
      {"checks", {"-a", "hello"}},
      {"checks:unset", {"web", "-a", "hello"}},
      {"cron", {"-a", "hello"}},
      {"cron:run", {"1", "-a", "hello"}},
      {"cron:history", {"-a", "hello"}},
      {"cron:suspend", {"-a", "hello"}},
      {"cron:resume", {"-a", "hello"}},
      {"volumes:add", {"data:/data", "-a", "hello"}},
      {"volumes", {"-a", "hello"}},
      {"volumes:remove", {"data", "--confirm", "data", "-a", "hello"}},
      {"ps:restart", {"-a", "hello"}},
      {"ps:stop", {"web.1", "-a", "hello"}},
      {"run", {"--detached", "-a", "hello", "sleep", "1000"}},
      {"run:stop", {"run.1", "-a", "hello"}},
      {"run:stop", {"cron.1", "-a", "hello"}},  // in the way of apps:rename
      {"logs", {"-a", "hello"}},
      {"rebase", {"--plan", "-a", "hello"}},
      {"gc", {"--plan"}},
      {"registries:add", {"ghcr.io", "--username", "bob"}, "secret\n"},
      {"registries", {}},
      {"registries:remove", {"ghcr.io"}},
      {"registry:scrub", {}, "", 1},  // the fixture's layers are in memory: it finds them missing
      {"keys:add", {}, kKey},
      {"keys", {}},
      {"keys:remove", {"FINGERPRINT"}},
      {"tokens:create", {"laptop"}},
      {"tokens", {}},
      {"tokens:revoke", {"1"}},
      {"registry:login", {}},
      {"whoami", {}},
      {"version", {}},
      {"events", {}},
      {"apps:rename", {"goodbye", "-a", "hello"}},
      {"apps:transfer", {"bob", "-a", "goodbye"}},
      {"apps:destroy", {"-a", "goodbye", "--confirm", "goodbye"}},
      {"users:remove", {"bob"}},
      {"server:stop", {}},
  };
}

/// Those that the walk does not call, and why.
const std::map<std::string, std::string>& notCalled() {
  static const std::map<std::string, std::string> reasons{
      {"builds:output", "prints a build's log as it was written"},
      {"releases:output", "prints what a release command said as it said it"},
      {"ps:exec", "hands the client to a command inside a process: CommandSetTest"},
      {"slugs:download", "prints a file, or nothing"},
      {"backup", "prints a file over SSH, and its JSON where the door has files: BackupTest"},
      {"builds:create", "builds, in containers"},
      {"builds:cancel", "needs a build under way"},
      {"doctor", "looks at the machine that the test runs on: story doctor reads its JSON"},
      {"stacks:create", "fetches packages"},
      {"stacks:import", "fetches images"},
      {"stacks:update", "fetches packages"},
  };
  return reasons;
}

class CommandWalkTest : public CommandFixture {
 protected:
  /// What the calls find beside what they make themselves.
  void populate() {
    putStack("debian-12", "base");
    run({"apps:create", "empty"});
    std::filesystem::create_directories(folder_.keys());
  }
};

/// One JSON value for each line, the last line ended.
::testing::AssertionResult isJson(const std::string& text) {
  if (text.empty() || text.back() != '\n') return ::testing::AssertionFailure() << "no line: " << text;
  for (const std::string& line : base::split(std::string_view(text).substr(0, text.size() - 1), '\n')) {
    try {
      Poco::JSON::Parser().parse(line);
    } catch (const Poco::Exception& failure) {
      return ::testing::AssertionFailure() << failure.displayText() << ": " << line;
    }
  }
  return ::testing::AssertionSuccess();
}

TEST_F(CommandWalkTest, EveryCommandIsCalledOrSaysWhyNot) {
  std::set<std::string> called;
  for (const Call& call : everyCall())
    called.insert(call.command);
  std::set<std::string> specified;
  for (const CommandSpec& spec : commands_.specs()) {
    specified.insert(spec.name);
    EXPECT_NE(called.contains(spec.name), notCalled().contains(spec.name)) << spec.name;
  }
  for (const std::string& name : called)
    EXPECT_TRUE(specified.contains(name)) << name;
  for (const auto& [name, reason] : notCalled())
    EXPECT_TRUE(specified.contains(name) && !reason.empty()) << name;
}

TEST_F(CommandWalkTest, WhatIsPrintedForProgramsIsJsonAndNothingElse) {
  populate();
  std::string key;
  for (const Call& call : everyCall()) {
    std::vector<std::string> argv{call.command};
    for (const std::string& word : call.words)
      argv.push_back(word == "FINGERPRINT" ? key : word);
    argv.emplace_back("--json");
    const Answer answer = run(argv, call.input);
    EXPECT_EQ(answer.code, call.code) << call.command << ": " << answer.err;
    EXPECT_EQ(answer.err, "") << call.command;
    EXPECT_TRUE(isJson(answer.out)) << call.command;
    if (call.command == "apps:create") deploySlug("hello");
    if (call.command == "keys:add") key = store_.keys().at(0).fingerprint;
  }
  EXPECT_TRUE(stopped_);
}

TEST_F(CommandWalkTest, WhatIsPrintedForPeopleEndsItsLines) {
  populate();
  std::string key;
  for (const Call& call : everyCall()) {
    std::vector<std::string> argv{call.command};
    for (const std::string& word : call.words)
      argv.push_back(word == "FINGERPRINT" ? key : word);
    const Answer answer = run(argv, call.input);
    EXPECT_EQ(answer.code, call.code) << call.command << ": " << answer.err;
    EXPECT_TRUE(answer.out.ends_with('\n')) << call.command << ": " << answer.out;
    EXPECT_EQ(answer.out.find('\r'), std::string::npos) << call.command;
    if (call.command == "apps:create") deploySlug("hello");
    if (call.command == "keys:add") key = store_.keys().at(0).fingerprint;
  }
}

TEST_F(CommandWalkTest, EveryCommandHasHelpWithAnExampleThatItTakes) {
  for (const CommandSpec& spec : commands_.specs()) {
    const Answer help = run({"help", spec.name});
    EXPECT_EQ(help.code, 0) << spec.name;
    EXPECT_THAT(help.out, HasSubstr("usage: fairlead " + spec.name)) << spec.name;
    EXPECT_THAT(help.out, HasSubstr("\nExample: fairlead " + spec.name)) << spec.name;
    EXPECT_THAT(help.out, HasSubstr("--json")) << spec.name;
    EXPECT_EQ(help.out.find("\n  \n"), std::string::npos) << spec.name << " does not say what it does";
  }
}

TEST_F(CommandWalkTest, EverySlipIsAUsageErrorThatNamesTheCommand) {
  for (const CommandSpec& spec : commands_.specs()) {
    if (spec.name.size() < 4) continue;  // too short to tell a slip from another word
    std::string slip = spec.name;
    slip.erase(slip.size() - 2, 1);
    if (std::any_of(commands_.specs().begin(), commands_.specs().end(),
                    [&](const CommandSpec& other) { return other.name == slip; }))
      continue;
    const Answer answer = run({slip});
    EXPECT_EQ(answer.code, 2) << slip;
    EXPECT_THAT(answer.err, HasSubstr("did you mean ")) << slip;
    EXPECT_EQ(answer.out, "") << slip;
  }
}

TEST_F(CommandWalkTest, TheListOfCommandsIsThereForPrograms) {
  const Answer answer = run({"help", "--json"});
  EXPECT_EQ(answer.code, 0);
  EXPECT_TRUE(isJson(answer.out));
  for (const CommandSpec& spec : commands_.specs())
    EXPECT_THAT(answer.out, HasSubstr("\"name\":\"" + spec.name + "\""));
}

}  // namespace
}  // namespace controller
