#include "store/process_check.h"

#include <gmock/gmock.h>

#include "base/error.h"

namespace store {
namespace {

using Kind = ProcessCheck::Kind;
using Means = ProcessCheck::Means;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Pair;

ProcessChecks parse(const std::string& json) {
  return parseChecksText(json, "checks");
}

std::string faultOf(const std::string& json) {
  try {
    parse(json);
  } catch (const base::Error& error) {
    EXPECT_EQ(error.code(), base::Errc::invalidArgument);
    return error.what();
  }
  return "no fault";
}

TEST(ProcessCheck, ReadsWhatAppJsonSays) {
  const auto checks = parse(R"({"web": [
      {"type": "startup", "name": "up", "path": "/up?x=1", "attempts": 7, "timeout": 2, "wait": 1,
       "initialDelay": 3, "status": "200-204", "content": "fine", "onFailure": {},
       "httpHeaders": [{"name": "Host", "value": "example.org"}]},
      {"type": "liveness", "command": ["bin/check", "-v"]},
      {"listening": true, "type": "readiness"}],
    "worker": [{"uptime": 10}], "other": null})");
  ASSERT_EQ(checks.size(), 2u);
  const ProcessCheck& startup = checks.at("web")[0];
  EXPECT_EQ(startup.kind, Kind::startup);
  EXPECT_EQ(startup.means, Means::http);
  EXPECT_EQ(startup.name, "up");
  EXPECT_EQ(startup.path, "/up?x=1");
  EXPECT_EQ(startup.statusFrom, 200);
  EXPECT_EQ(startup.statusTo, 204);
  EXPECT_EQ(startup.content, "fine");
  EXPECT_EQ(startup.attempts, 7);
  EXPECT_EQ(startup.timeout.count(), 2);
  EXPECT_EQ(startup.wait.count(), 1);
  EXPECT_EQ(startup.initialDelay.count(), 3);
  EXPECT_THAT(startup.headers, ElementsAre(Pair("Host", "example.org")));
  EXPECT_EQ(checks.at("web")[1].means, Means::command);
  EXPECT_THAT(checks.at("web")[1].command, ElementsAre("bin/check", "-v"));
  EXPECT_EQ(checks.at("web")[1].attempts, 3);
  EXPECT_EQ(checks.at("web")[2].means, Means::port);
  EXPECT_EQ(checks.at("worker")[0].means, Means::uptime);
  EXPECT_EQ(checks.at("worker")[0].uptime.count(), 10);
}

TEST(ProcessCheck, ReadsWhatItWrites) {
  const auto checks = parse(R"({"web": [
      {"path": "/", "httpHeaders": [{"name": "A", "value": "b"}], "status": 204, "content": "\"x\""},
      {"type": "liveness", "command": "test -e up"}, {"type": "readiness", "none": true}],
    "worker": [{"uptime": 10}]})");
  EXPECT_EQ(parse(checksText(checks)), checks);
  EXPECT_EQ(checksText({}), "");
  EXPECT_TRUE(parse("").empty());
}

TEST(ProcessCheck, SaysWhatIsWrong) {
  EXPECT_EQ(faultOf(R"({"web": {}})"), "checks.web is not a list: write it between [ and ]");
  EXPECT_EQ(faultOf(R"({"web": [3]})"), "checks.web[0] is not an object");
  EXPECT_EQ(faultOf(R"({"web": [{"type": "alive"}]})"),
            "checks.web[0].type is not startup, readiness or liveness");
  EXPECT_EQ(faultOf(R"({"web": [{"path": "health"}]})"), "checks.web[0].path is not a path that begins with /");
  EXPECT_THAT(faultOf(R"({"web": [{"path": "/a\r\nHost: b"}]})"), HasSubstr("control characters"));
  EXPECT_EQ(faultOf(R"({"web": [{"path": "/a b"}]})"), "checks.web[0].path is not a path without blanks");
  EXPECT_THAT(faultOf(R"({"web": [{"path": "/", "command": "x"}]})"), HasSubstr("asks several things"));
  EXPECT_EQ(faultOf(R"({"web": [{"attempts": 0}]})"), "checks.web[0].attempts is not a whole number from 1 to 1000");
  EXPECT_THAT(faultOf(R"({"web": [{"timeout": 999999999999}]})"), HasSubstr("checks.web[0].timeout"));
  EXPECT_THAT(faultOf(R"({"web": [{"timeout": "5"}]})"), HasSubstr("whole number from 1 to 300"));
  EXPECT_THAT(faultOf(R"({"web": [{"path": "/", "status": "20"}]})"), HasSubstr("checks.web[0].status"));
  EXPECT_THAT(faultOf(R"({"web": [{"path": "/", "status": "399-200"}]})"), HasSubstr("like 200 or 200-399"));
  EXPECT_THAT(faultOf(R"({"web": [{"httpHeaders": [{"name": "a b"}]}]})"),
              HasSubstr("checks.web[0].httpHeaders[0].name is not the name of a header"));
  EXPECT_THAT(faultOf(R"({"web": [{"scheme": "https", "path": "/"}]})"), HasSubstr("without TLS"));
  EXPECT_THAT(faultOf(R"({"web": [{"command": []}]})"), HasSubstr("list of 1 to 100 words"));
  EXPECT_THAT(faultOf(R"({"web": [{"type": "liveness", "uptime": 3}]})"), HasSubstr("type startup"));
  EXPECT_THAT(faultOf(R"({"web": [{},{},{},{},{},{},{},{},{},{},{}]})"), HasSubstr("more than 10 checks"));
}

TEST(ProcessCheck, AnAppsOwnReplaceThoseOfTheirKind) {
  const auto given = parse(R"({"web": [{"path": "/a"}, {"type": "liveness", "path": "/b"}], "worker": [{"uptime": 1}]})");
  const auto own = parse(R"({"web": [{"type": "liveness", "none": true}], "clock": [{"uptime": 2}]})");
  const auto merged = mergeChecks(given, own);
  ASSERT_EQ(merged.at("web").size(), 2u);
  EXPECT_EQ(merged.at("web")[0].path, "/a");
  EXPECT_EQ(merged.at("web")[1].means, Means::none);
  EXPECT_EQ(merged.at("worker"), given.at("worker"));
  EXPECT_EQ(merged.at("clock"), own.at("clock"));
}

TEST(ProcessCheck, DescribesItself) {
  EXPECT_EQ(parse(R"({"web": [{"command": "bin/check || true"}]})").at("web")[0].describe(),
            "the command bin/check || true");
  EXPECT_EQ(parse(R"({"web": [{"command": ["bin/check", "-v"]}]})").at("web")[0].describe(),
            "the command bin/check -v");
  EXPECT_EQ(parse(R"({"web": [{}]})").at("web")[0].describe(), "an open port");
}

}  // namespace
}  // namespace store
