#include "base/log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>

#include "base/error.h"

namespace base {
namespace {

std::string logged(std::string_view level, const std::function<void(const Log&)>& body) {
  configureLogging(level);
  testing::internal::CaptureStderr();
  body(Log("store"));
  return testing::internal::GetCapturedStderr();
}

/// The line without its time.
std::string afterTime(const std::string& line) {
  return line.substr(line.find(' ') + 1);
}

TEST(Log, WritesOneLinePerEvent) {
  const std::string line = logged("info", [](const Log& log) {
    log.info("release created", {{"app", "hello"}, {"release", 3}, {"bytes", 5ul}});
  });
  EXPECT_EQ(afterTime(line), "info store release created app=hello release=3 bytes=5\n");
  EXPECT_THAT(line, testing::ContainsRegex("^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z "));
}

TEST(Log, QuotesAndEscapesValues) {
  const std::string line = logged("info", [](const Log& log) {
    log.info("x", {{"a", "two words"},
                   {"b", "line\nbreak"},
                   {"c", "q\"q"},
                   {"d", ""},
                   {"e", "\x1b[0m"},
                   {"f", "caf\xc3\xa9"},
                   {"g", "\xff"}});
  });
  EXPECT_EQ(afterTime(line),
            "info store x a=\"two words\" b=\"line\\nbreak\" c=\"q\\\"q\" d=\"\" e=\"\\x1b[0m\" "
            "f=caf\xc3\xa9 g=\"\\xff\"\n");
}

TEST(Log, LeavesOutWhatIsBelowTheLevel) {
  EXPECT_EQ(logged("warn", [](const Log& log) { log.info("x"), log.debug("y"); }), "");
  EXPECT_EQ(afterTime(logged("warn", [](const Log& log) { log.warn("x"); })), "warn store x\n");
  EXPECT_EQ(afterTime(logged("error", [](const Log& log) { log.warn("x"), log.error("y"); })),
            "error store y\n");
  EXPECT_EQ(afterTime(logged("debug", [](const Log& log) { log.debug("x"); })), "debug store x\n");
}

TEST(ConfigureLogging, RejectsUnknownLevel) {
  EXPECT_THROW(configureLogging("verbose"), Error);
}

}  // namespace
}  // namespace base
