#include "builder/app_json.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"

namespace builder {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Pair;

std::string faultOf(const std::string& text) {
  try {
    parseAppJson(text);
  } catch (const base::Error& error) {
    EXPECT_EQ(error.code(), base::Errc::invalidArgument);
    return error.what();
  }
  ADD_FAILURE() << "accepted: " << text;
  return "";
}

TEST(AppJson, ReadsWhatCounts) {
  const AppJson app = parseAppJson(R"({
    "name": "demo", "stack": "heroku-24", "addons": ["db"], "environments": {"test": {}},
    "buildpacks": [{"url": "heroku/nodejs"}, {"url": "https://example.org/b.git#v1"}],
    "env": {"PLAIN": "text", "NUMBER": 3, "SECRET": {"generator": "secret"}, "MAYBE": {"required": false},
            "NEEDED": {"description": "of the mail server"}, "GIVEN": {"value": "x", "required": true}},
    "formation": {"web": {"quantity": 2, "size": "512M"}, "worker": {"quantity": 0}},
    "scripts": {"postdeploy": "rake db:setup", "dokku": {"predeploy": "x"}},
    "healthchecks": {"web": [{"path": "/ready"}]},
    "cron": [{"schedule": "@daily", "command": "rake clean"}]})");
  EXPECT_THAT(app.buildpacks, ElementsAre("heroku/nodejs", "https://example.org/b.git#v1"));
  ASSERT_EQ(app.env.size(), 6u);
  EXPECT_EQ(app.env.at("PLAIN").value, "text");
  EXPECT_EQ(app.env.at("NUMBER").value, "3");
  EXPECT_TRUE(app.env.at("SECRET").generateSecret);
  EXPECT_FALSE(app.env.at("MAYBE").required);
  EXPECT_TRUE(app.env.at("NEEDED").required);
  EXPECT_EQ(app.env.at("NEEDED").value, std::nullopt);
  EXPECT_EQ(app.env.at("GIVEN").value, "x");
  EXPECT_EQ(app.formation.at("web").quantity, 2);
  EXPECT_EQ(app.formation.at("web").size, "512M");
  EXPECT_EQ(app.formation.at("worker").quantity, 0);
  EXPECT_THAT(app.scripts, ElementsAre(Pair("postdeploy", "rake db:setup")));
  EXPECT_EQ(app.healthchecks.at("web").at(0).path, "/ready");
  ASSERT_EQ(app.cron.size(), 1u);
  EXPECT_EQ(app.cron[0].command, "rake clean");
}

TEST(AppJson, NothingIsFine) {
  EXPECT_THAT(parseAppJson("{}").buildpacks, IsEmpty());
  EXPECT_THAT(parseAppJson(R"({"buildpacks": null, "env": null, "unknown": [1, {"a": 2}]})").env, IsEmpty());
}

TEST(AppJson, SaysWhatIsWrong) {
  EXPECT_THAT(faultOf("{"), HasSubstr("app.json is not valid JSON"));
  EXPECT_THAT(faultOf("[]"), HasSubstr("app.json"));
  EXPECT_THAT(faultOf(std::string(70'000, ' ') + "{}"), HasSubstr("app.json is larger than"));
  EXPECT_EQ(faultOf(R"({"buildpacks": "nodejs"})"),
            "app.json: \"buildpacks\" is not a list: write it between [ and ]");
  EXPECT_EQ(faultOf(R"({"buildpacks": [{}]})"), "app.json: buildpacks[0] has no \"url\"");
  EXPECT_EQ(faultOf(R"({"env": {"A=B": "x"}})"), "app.json: \"env\" has the name \"A=B\"");
  EXPECT_EQ(faultOf(R"({"env": {"A": ["x"]}})"), "app.json: env.A is not a text");
  EXPECT_EQ(faultOf(R"({"env": {"A": {"generator": "uuid"}}})"),
            "app.json: env.A has the generator \"uuid\"; there is only \"secret\"");
  EXPECT_EQ(faultOf(R"({"formation": {"web": {"quantity": -1}}})"),
            "app.json: formation.web.quantity is not a number from 0 to 1000");
  for (const char* quantity : {"2147483648", "4444444444", "18446744073709551615", "1001", "1.5", "true"}) {
    EXPECT_EQ(faultOf(R"({"formation": {"web": {"quantity": )" + std::string(quantity) + "}}}"),
              "app.json: formation.web.quantity is not a number from 0 to 1000")
        << quantity;
  }
  EXPECT_EQ(faultOf(R"({"formation": {"web": {"quantity": "two"}}})"),
            "app.json: formation.web.quantity is not a number from 0 to 1000");
  EXPECT_EQ(faultOf(R"({"cron": [{"schedule": "@daily"}]})"), "app.json: cron[0]: it has no \"command\"");
  EXPECT_EQ(faultOf(R"({"cron": {}})"), "app.json: \"cron\" is not a list: write it between [ and ]");
}

}  // namespace
}  // namespace builder
