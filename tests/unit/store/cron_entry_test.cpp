#include "store/cron_entry.h"

#include <gmock/gmock.h>

#include "base/error.h"

namespace store {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::vector<CronEntry> parse(const std::string& list) {
  return parseCron(base::parseJsonObject("{\"cron\": " + list + "}", "app.json")->getArray("cron"), "cron");
}

template <typename Body>
std::string faultOf(Body body) {
  try {
    body();
  } catch (const base::Error& error) {
    EXPECT_EQ(error.code(), base::Errc::invalidArgument);
    return error.what();
  }
  return "no fault";
}

TEST(CronEntry, ReadsWhatAppJsonSays) {
  EXPECT_THAT(parse(R"([{"schedule": " 0  3 * * * ", "command": " bin/clean --all "},
                        {"schedule": "@hourly", "command": "worker", "overlap": true, "timeout": 90},
                        {"schedule": "@hourly", "command": "other", "overlap": null, "timeout": null}])"),
              ElementsAre(CronEntry{"0 3 * * *", "bin/clean --all", false, std::chrono::seconds(0)},
                          CronEntry{"@hourly", "worker", true, std::chrono::seconds(90)},
                          CronEntry{"@hourly", "other", false, std::chrono::seconds(0)}));
  EXPECT_TRUE(parse("[]").empty());
}

TEST(CronEntry, ReadsWhatItWrites) {
  const auto entries = parse(R"([{"schedule": "@daily", "command": "echo \"a\" > b", "timeout": 5},
                                 {"schedule": "0 0 1 JAN *", "command": "x", "overlap": true}])");
  EXPECT_EQ(parseCronText(cronText(entries), "the slug's cron"), entries);
  EXPECT_EQ(cronText({}), "");
  EXPECT_TRUE(parseCronText("", "the slug's cron").empty());
}

TEST(CronEntry, SaysWhatIsWrong) {
  const auto fault = [](const std::string& list) { return faultOf([&] { parse(list); }); };
  EXPECT_EQ(fault(R"([1])"), "cron[0]: it is not an object with a schedule and a command");
  EXPECT_EQ(fault(R"([{"command": "a"}])"), "cron[0]: it has no \"schedule\"");
  EXPECT_EQ(fault(R"([{"schedule": "@daily"}])"), "cron[0]: it has no \"command\"");
  EXPECT_EQ(fault(R"([{"schedule": 5, "command": "a"}])"), "cron[0]: its schedule is not a text");
  EXPECT_EQ(fault(R"([{"schedule": "@daily", "command": "a"}, {"schedule": "61 * * * *", "command": "a"}])"),
            "cron[1]: the schedule \"61 * * * *\" has the minute \"61\", which is not from 0 to 59");
  EXPECT_EQ(fault(R"([{"schedule": "@daily", "command": " "}])"), "cron[0]: its command is empty");
  EXPECT_EQ(fault(R"([{"schedule": "@daily", "command": ["a"]}])"), "cron[0]: its command is not a text");
  EXPECT_THAT(fault(R"([{"schedule": "@daily", "command": "a\nb"}])"), HasSubstr("control character"));
  EXPECT_THAT(fault(R"([{"schedule": "@daily", "command": ")" + std::string(4097, 'a') + R"("}])"),
              HasSubstr("longer than 4096 bytes"));
  EXPECT_EQ(fault(R"([{"schedule": "@daily", "command": "a", "shedule": "b"}])"),
            "cron[0]: \"shedule\" is none of schedule, command, overlap and timeout");
  EXPECT_EQ(fault(R"([{"schedule": "@daily", "command": "a", "overlap": "yes"}])"),
            "cron[0]: its overlap is neither true nor false");
  for (const char* timeout : {"0", "-1", "1.5", "\"60\""})
    EXPECT_EQ(fault(R"([{"schedule": "@daily", "command": "a", "timeout": )" + std::string(timeout) + "}]"),
              "cron[0]: its timeout is not a whole number of seconds from 1 on");
  EXPECT_EQ(fault(R"([{"schedule": "@daily", "command": "a"}, {"schedule": " @daily", "command": "a "}])"),
            "cron[1]: it has the schedule and the command of cron[0]");
}

TEST(CronEntry, IsWithinWhatTheServerAllows) {
  const CronLimits limits{.maxEntries = 2, .minIntervalS = 600, .timeoutS = 60};
  const auto fault = [&](const std::string& list) {
    return faultOf([&] { requireCronWithin(limits, parse(list), "cron"); });
  };
  const std::string daily = R"({"schedule": "@daily", "command": "a"})", weekly = R"({"schedule": "@weekly", "command": "a"})";
  EXPECT_EQ(fault("[" + daily + "," + weekly + "]"), "no fault");
  EXPECT_EQ(fault("[" + daily + "," + weekly + R"(, {"schedule": "@yearly", "command": "a"}])"),
            "cron[2]: it is one of 3, more than the setting cron_max allows (2)");
  EXPECT_EQ(fault(R"([{"schedule": "*/10 * * * *", "command": "a", "timeout": 60}])"), "no fault");
  EXPECT_EQ(fault("[" + daily + R"(,{"schedule": "*/9 * * * *", "command": "a"}])"),
            "cron[1]: the schedule \"*/9 * * * *\" comes every 360 s, more often than the setting "
            "cron_min_interval_s allows (600)");
  EXPECT_EQ(fault(R"([{"schedule": "@daily", "command": "a", "timeout": 61}])"),
            "cron[0]: its timeout of 61 s is more than the setting cron_timeout_s allows (60)");
}

}  // namespace
}  // namespace store
