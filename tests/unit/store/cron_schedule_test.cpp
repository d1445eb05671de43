#include "store/cron_schedule.h"

#include <gmock/gmock.h>

#include "base/error.h"
#include "tests/fuzz/store_inputs.h"
#include "tests/support/fuzz_corpus.h"

namespace store {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

/// "2026-01-31 12:00:00", or without the seconds.
base::Time at(const std::string& text) {
  const auto number = [&](std::size_t from, std::size_t count) {
    return from < text.size() ? std::stoi(text.substr(from, count)) : 0;
  };
  return std::chrono::sys_days(std::chrono::year(number(0, 4)) / number(5, 2) / number(8, 2)) +
         std::chrono::hours(number(11, 2)) + std::chrono::minutes(number(14, 2)) +
         std::chrono::seconds(number(17, 2));
}

/// The times that follow one another.
std::vector<std::string> after(const std::string& schedule, const std::string& begin, int count = 3) {
  const auto parsed = CronSchedule::parse(schedule);
  std::vector<std::string> times;
  for (base::Time time = at(begin); count > 0; --count) {
    time = parsed.next(time);
    std::string text = base::toRfc3339(time).substr(0, 16);
    text[10] = ' ';
    times.push_back(text);
  }
  return times;
}

std::string faultOf(const std::string& schedule) {
  try {
    CronSchedule::parse(schedule);
  } catch (const base::Error& error) {
    EXPECT_EQ(error.code(), base::Errc::invalidArgument);
    return error.what();
  }
  return "no fault";
}

TEST(CronSchedule, ComesAtWholeMinutesAfterATime) {
  EXPECT_THAT(after("* * * * *", "2026-11-22 12:00:00"),
              ElementsAre("2026-11-22 12:01", "2026-11-22 12:02", "2026-11-22 12:03"));
  EXPECT_THAT(after("* * * * *", "2026-11-22 12:00:59", 1), ElementsAre("2026-11-22 12:01"));
  EXPECT_EQ(CronSchedule::parse("* * * * *").next(at("2026-11-22 12:01") - std::chrono::milliseconds(1)),
            at("2026-11-22 12:01"));
  EXPECT_THAT(after("* * * * *", "2026-12-31 23:59:01", 1), ElementsAre("2027-01-01 00:00"));
}

TEST(CronSchedule, TakesNumbersListsRangesAndSteps) {
  EXPECT_THAT(after("30 3 * * *", "2026-11-22 03:30"), ElementsAre("2026-11-23 03:30", "2026-11-24 03:30", "2026-11-25 03:30"));
  EXPECT_THAT(after("*/20 * * * *", "2026-11-22 03:30"),
              ElementsAre("2026-11-22 03:40", "2026-11-22 04:00", "2026-11-22 04:20"));
  EXPECT_THAT(after("5,50-52 23 * * *", "2026-11-22 23:05", 4),
              ElementsAre("2026-11-22 23:50", "2026-11-22 23:51", "2026-11-22 23:52", "2026-11-23 23:05"));
  EXPECT_THAT(after("0 8-18/4 * * *", "2026-11-22 00:00", 4),
              ElementsAre("2026-11-22 08:00", "2026-11-22 12:00", "2026-11-22 16:00", "2026-11-23 08:00"));
  EXPECT_THAT(after("7-59/26 0 1 1 *", "2026-11-22 00:00"),
              ElementsAre("2027-01-01 00:07", "2027-01-01 00:33", "2027-01-01 00:59"));
  EXPECT_THAT(after("0 0,00,000 * * *", "2026-11-22 00:00", 1), ElementsAre("2026-11-23 00:00"));
}

TEST(CronSchedule, KnowsNamesInAnyCase) {
  EXPECT_THAT(after("0 0 1 jan,APR-Jun *", "2026-11-22 00:00", 4),
              ElementsAre("2027-01-01 00:00", "2027-04-01 00:00", "2027-05-01 00:00", "2027-06-01 00:00"));
  EXPECT_THAT(after("0 9 * * MON-fri", "2026-11-20 09:00", 2),  // a Friday
              ElementsAre("2026-11-23 09:00", "2026-11-24 09:00"));
  EXPECT_THAT(after("0 9 * * Fri-SUN", "2026-11-22 09:00", 3),
              ElementsAre("2026-11-27 09:00", "2026-11-28 09:00", "2026-11-29 09:00"));
}

TEST(CronSchedule, SundayIsSevenAndNothing) {
  for (const char* sunday : {"0", "7", "SUN", "sun", "0,7", "7-7"})
    EXPECT_THAT(after("0 0 * * " + std::string(sunday), "2026-11-22 00:00", 2),
                ElementsAre("2026-11-29 00:00", "2026-12-06 00:00"))
        << sunday;
  EXPECT_THAT(after("0 0 * * 5-7", "2026-11-22 00:00", 4),
              ElementsAre("2026-11-27 00:00", "2026-11-28 00:00", "2026-11-29 00:00", "2026-12-04 00:00"));
  EXPECT_THAT(after("0 0 * * SUN-MON", "2026-11-22 00:00", 2), ElementsAre("2026-11-23 00:00", "2026-11-29 00:00"));
}

TEST(CronSchedule, EitherDayCountsWhenBothAreNamed) {
  EXPECT_THAT(after("0 0 13 * FRI", "2026-11-01 00:00", 4),
              ElementsAre("2026-11-06 00:00", "2026-11-13 00:00", "2026-11-20 00:00", "2026-11-27 00:00"));
  EXPECT_THAT(after("0 0 13 * *", "2026-11-01 00:00", 1), ElementsAre("2026-11-13 00:00"));
  EXPECT_THAT(after("0 0 * * FRI", "2026-11-01 00:00", 1), ElementsAre("2026-11-06 00:00"));
  // A field that begins with * names no days of its own: the first Sunday of a month.
  EXPECT_THAT(after("0 0 1-7 * */7", "2026-11-02 00:00", 2), ElementsAre("2026-12-06 00:00", "2027-01-03 00:00"));
  EXPECT_THAT(after("0 0 */10 * MON", "2026-11-02 00:00", 2), ElementsAre("2026-12-21 00:00", "2027-01-11 00:00"));
  // One that never comes beside one that does.
  EXPECT_THAT(after("0 0 30 2 SUN", "2026-11-22 00:00", 2), ElementsAre("2027-02-07 00:00", "2027-02-14 00:00"));
}

TEST(CronSchedule, KnowsTheCalendar) {
  EXPECT_THAT(after("0 0 31 * *", "2026-11-22 00:00", 4),
              ElementsAre("2026-12-31 00:00", "2027-01-31 00:00", "2027-03-31 00:00", "2027-05-31 00:00"));
  EXPECT_THAT(after("59 23 29 2 *", "2026-11-22 00:00", 2), ElementsAre("2028-02-29 23:59", "2032-02-29 23:59"));
  EXPECT_THAT(after("0 0 29 2 *", "2096-02-29 00:00", 1), ElementsAre("2104-02-29 00:00"));  // 2100 is no leap year
  EXPECT_THAT(after("0 0 28-29 FEB *", "2027-02-28 00:00", 2), ElementsAre("2028-02-28 00:00", "2028-02-29 00:00"));
  EXPECT_THAT(after("0 0 29 2 */7", "2026-11-22 00:00", 2), ElementsAre("2032-02-29 00:00", "2060-02-29 00:00"));
  EXPECT_THAT(after("0 0 30 4,6 *", "2026-04-30 00:00", 2), ElementsAre("2026-06-30 00:00", "2027-04-30 00:00"));
}

TEST(CronSchedule, KnowsTheWords) {
  EXPECT_THAT(after("@hourly", "2026-11-22 12:30", 2), ElementsAre("2026-11-22 13:00", "2026-11-22 14:00"));
  for (const char* daily : {"@daily", "@midnight", " @daily\t"})
    EXPECT_THAT(after(daily, "2026-11-22 12:30", 2), ElementsAre("2026-11-23 00:00", "2026-11-24 00:00"));
  EXPECT_THAT(after("@weekly", "2026-11-22 12:30", 1), ElementsAre("2026-11-29 00:00"));
  EXPECT_THAT(after("@monthly", "2026-11-22 12:30", 1), ElementsAre("2026-12-01 00:00"));
  for (const char* yearly : {"@yearly", "@annually"})
    EXPECT_THAT(after(yearly, "2026-11-22 12:30", 1), ElementsAre("2027-01-01 00:00"));
}

TEST(CronSchedule, ShowsItselfWithOneBlankBetween) {
  EXPECT_EQ(CronSchedule::parse("  0\t3  * * MON ").text(), "0 3 * * MON");
  EXPECT_EQ(CronSchedule::parse("@daily").text(), "@daily");
}

TEST(CronSchedule, KnowsItsShortestGap) {
  const auto gap = [](const char* schedule) { return CronSchedule::parse(schedule).shortestGap().count(); };
  EXPECT_EQ(gap("* * * * *"), 1);
  EXPECT_EQ(gap("*/7 * * * *"), 4);  // from 56 to 0
  EXPECT_EQ(gap("0 * * * *"), 60);
  EXPECT_EQ(gap("0 0,23 * * *"), 60);
  EXPECT_EQ(gap("0 0,23 * * MON"), 23 * 60);
  EXPECT_EQ(gap("@daily"), 24 * 60);
  EXPECT_EQ(gap("@weekly"), 7 * 24 * 60);
  EXPECT_EQ(gap("@monthly"), 28 * 24 * 60);
  EXPECT_EQ(gap("@yearly"), 365 * 24 * 60);
  EXPECT_EQ(gap("0 0 29 2 *"), (3 * 365 + 366) * 24 * 60);
}

TEST(CronSchedule, SaysWhatIsWrong) {
  EXPECT_EQ(faultOf("60 * * * *"), "the schedule \"60 * * * *\" has the minute \"60\", which is not from 0 to 59");
  EXPECT_EQ(faultOf("0 24 * * *"), "the schedule \"0 24 * * *\" has the hour \"24\", which is not from 0 to 23");
  EXPECT_THAT(faultOf("0 0 0 * *"), HasSubstr("has the day of month \"0\", which is not from 1 to 31"));
  EXPECT_THAT(faultOf("0 0 32 * *"), HasSubstr("has the day of month \"32\", which is not from 1 to 31"));
  EXPECT_THAT(faultOf("0 0 * 13 *"), HasSubstr("has the month \"13\", which is not from 1 to 12"));
  EXPECT_THAT(faultOf("0 0 * * 8"), HasSubstr("has the day of week \"8\", which is not from 0 to 7"));
  EXPECT_THAT(faultOf("0 0 * MAI *"),
              HasSubstr("has the month \"MAI\", which is neither a number from 1 to 12 nor a name like FEB"));
  EXPECT_THAT(faultOf("0 0 * * FRIDAY"), HasSubstr("day of week \"FRIDAY\", which is neither a number from 0 to 7"));
  EXPECT_THAT(faultOf("0 0 * * 5L"), HasSubstr("has the day of week \"5L\""));
  EXPECT_THAT(faultOf("? 0 * * *"), HasSubstr("has the minute \"?\", which is not a number from 0 to 59"));
  EXPECT_THAT(faultOf("-1 0 * * *"), HasSubstr("has the minute \"-1\""));
  EXPECT_THAT(faultOf("1- 0 * * *"), HasSubstr("has the minute \"1-\""));
  EXPECT_THAT(faultOf("1-2-3 0 * * *"), HasSubstr("has the minute \"1-2-3\""));
  EXPECT_THAT(faultOf("* 22-2 * * *"), HasSubstr("has the hour \"22-2\", which ends before it begins"));
  EXPECT_THAT(faultOf("1,,2 * * * *"), HasSubstr("has the minute \"\", which is empty"));
  EXPECT_THAT(faultOf(", * * * *"), HasSubstr("has the minute \"\", which is empty"));
  EXPECT_THAT(faultOf("*/0 * * * *"), HasSubstr("has the minute \"*/0\", whose step is not a number from 1 to 59"));
  EXPECT_THAT(faultOf("*/60 * * * *"), HasSubstr("whose step is not a number from 1 to 59"));
  EXPECT_THAT(faultOf("*/ * * * *"), HasSubstr("whose step is not a number"));
  EXPECT_THAT(faultOf("5/15 * * * *"), HasSubstr("has the minute \"5/15\", a step without a range: write 5-59/15"));
  EXPECT_THAT(faultOf("99999999999999999999 * * * *"), HasSubstr("has the minute"));
  EXPECT_THAT(faultOf("* * * *"), HasSubstr("\"* * * *\" has 4 fields where there are five: minute, hour"));
  EXPECT_THAT(faultOf("* * * * * *"), HasSubstr("has 6 fields where there are five"));
  EXPECT_THAT(faultOf("often"), HasSubstr("has 1 field where there are five"));
  EXPECT_THAT(faultOf(""), HasSubstr("has 0 fields where there are five"));
  EXPECT_EQ(faultOf("@reboot"),
            "the schedule \"@reboot\" is not one that is known: there are @hourly, @daily, @weekly, @monthly, @yearly");
  EXPECT_THAT(faultOf("0 0 30 2 *"), HasSubstr("\"0 0 30 2 *\" names a day that never comes"));
  EXPECT_THAT(faultOf("0 0 31 4,6,9,11 *"), HasSubstr("never comes"));
  EXPECT_THAT(faultOf(std::string(201, '*')), HasSubstr("longer than 200 bytes"));
  EXPECT_THAT(faultOf("0\n0 * * *"), HasSubstr("has 4 fields"));
}

TEST(FuzzCorpus, CronSchedule) {
  EXPECT_GT(testing_support::replayVaried("cron_schedule", &fuzz::cronSchedule), 0);
}

}  // namespace
}  // namespace store
