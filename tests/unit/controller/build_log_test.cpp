#include "controller/build_log.h"

#include <gtest/gtest.h>

#include <thread>

#include "tests/support/temp_folder.h"

namespace controller {
namespace {

TEST(BuildLog, ReplaysFromTheFirstByte) {
  testing_support::TempFolder folder;
  BuildLog log(folder.path() / "logs" / "1.log", 1000);
  log.write("one\n");
  log.write("two\n");
  EXPECT_EQ(log.read(0), "one\ntwo\n");
  EXPECT_EQ(log.read(4), "two\n");
  EXPECT_EQ(log.read(8), "");
}

TEST(BuildLog, TellsTheEndFromSilence) {
  testing_support::TempFolder folder;
  BuildLog log(folder.path() / "1.log", 1000);
  log.write("x");
  EXPECT_TRUE(log.waitFor(1, std::chrono::milliseconds(1), {})) << "silence is not the end";
  log.close();
  EXPECT_TRUE(log.waitFor(0, std::chrono::milliseconds(1), {})) << "there is a byte to read";
  EXPECT_FALSE(log.waitFor(1, std::chrono::milliseconds(1), {}));
}

TEST(BuildLog, WakesAWatcherThatWaits) {
  testing_support::TempFolder folder;
  BuildLog log(folder.path() / "1.log", 1000);
  std::jthread writer([&] { log.write("late"); });
  EXPECT_TRUE(log.waitFor(0, std::chrono::seconds(30), {}));
  EXPECT_EQ(log.read(0), "late");
}

TEST(BuildLog, StopsAtItsLimitAndNamesTheSetting) {
  testing_support::TempFolder folder;
  BuildLog log(folder.path() / "1.log", 10);
  log.write("0123456");
  log.write("789abcdef");
  log.write("never seen");
  const std::string text = log.read(0);
  EXPECT_EQ(text.substr(0, 10), "0123456789");
  EXPECT_NE(text.find("build_log_max_bytes"), std::string::npos);
  EXPECT_EQ(text.find("never"), std::string::npos);
}

}  // namespace
}  // namespace controller
