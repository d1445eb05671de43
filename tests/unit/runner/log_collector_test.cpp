#include "runner/log_collector.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <csignal>
#include <fstream>
#include <functional>
#include <thread>

#include "base/fd.h"
#include "runner/detail/access_collector.h"
#include "runner/output_budget.h"
#include "tests/support/fake_clock.h"
#include "tests/support/scripted_runtime.h"
#include "tests/support/temp_folder.h"

namespace runner {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Pair;

TEST(OutputBudget, HoldsWhoHasUsedItUpUntilItHasEarnedMore) {
  const OutputBudget::Time begin;
  OutputBudget budget({.bytesPerS = 100, .burst = 1000}, 5000, begin);
  EXPECT_FALSE(budget.spend(6000, begin));
  EXPECT_TRUE(budget.isShort());
  EXPECT_TRUE(budget.spend(6050, begin));
  EXPECT_TRUE(budget.spend(6050, begin + milliseconds(400)));
  EXPECT_FALSE(budget.spend(6050, begin + milliseconds(500)));
  EXPECT_FALSE(budget.spend(6050, begin + seconds(60)));
  EXPECT_FALSE(budget.isShort());
  EXPECT_FALSE(budget.spend(7050, begin + seconds(60)));
  EXPECT_TRUE(budget.spend(7051, begin + seconds(60)));
}

TEST(OutputBudget, HoldsForFiveSecondsAtMost) {
  const OutputBudget::Time begin;
  OutputBudget budget({.bytesPerS = 100, .burst = 100}, 0, begin);
  EXPECT_TRUE(budget.spend(1'000'000, begin));
  EXPECT_TRUE(budget.spend(1'000'000, begin + milliseconds(4900)));
  EXPECT_FALSE(budget.spend(1'000'000, begin + seconds(5)));
}

TEST(OutputBudget, IsNoLimitWhenItIsZero) {
  OutputBudget budget({.bytesPerS = 0, .burst = 0}, 0, {});
  EXPECT_FALSE(budget.spend(1u << 30, {}));
  EXPECT_FALSE(budget.isShort());
}

class LogCollectorTest : public testing::Test {
 protected:
  static bool eventually(const std::function<bool()>& condition) {
    for (int i = 0; i < 2000; ++i) {
      if (condition()) return true;
      std::this_thread::sleep_for(milliseconds(5));
    }
    return false;
  }
  void write(const std::filesystem::path& spool, int lines) {
    // In one piece: the budget must not earn more while it is written.
    std::string bytes;
    for (int i = 0; i < lines; ++i)
      bytes +=
          "2026-01-31T12:00:00.000000000+00:00 stdout F so long that a thousand of them have 100,000 bytes\n";
    base::writeAll(base::openFile(spool, O_WRONLY | O_APPEND | O_CREAT), bytes);
  }
  long count(int signalNumber) const {
    const auto signals = runtime_.signals();
    return std::count(signals.begin(), signals.end(), std::pair<std::string, int>("c1", signalNumber));
  }

  testing_support::TempFolder folder_;
  test::FakeClock clock_;
  test::ScriptedRuntime runtime_;
  AppLog log_{folder_ / "apps", clock_};
  const store::AppName app_ = store::AppName::parse("hello");
  const LogCollectorConfig config_{.rateBytes = 100'000,
                                   .burstBytes = 100'000,
                                   .poll = milliseconds(1),
                                   .slice = milliseconds(1),
                                   .trimEvery = seconds(0)};
};

TEST_F(LogCollectorTest, TakesLinesThoughNobodyReads) {
  const auto spool = log_.spoolFile(app_, "web.1", "c1");
  write(spool, 10);
  const LogCollector collector(config_, log_, runtime_);
  // Taken, freed, and gone, since nobody writes to it.
  EXPECT_TRUE(eventually([&] { return !std::filesystem::exists(spool); }));
  EXPECT_EQ(log_.read(app_, {}).size(), 10u);
}

TEST_F(LogCollectorTest, TakesWhatIsWrittenWithoutLookingEverywhere) {
  const auto spool = log_.spoolFile(app_, "web.1", "c1");
  const std::ofstream keepsOpen(spool, std::ios::app);
  LogCollectorConfig config = config_;
  config.poll = std::chrono::hours(1);
  const LogCollector collector(config, log_, runtime_);
  const auto taken = [&](const store::AppName& app) {
    const auto spools = log_.growth(app);
    return spools.empty() ? 0 : spools[0].bytes;
  };
  write(spool, 1);
  const auto one = std::filesystem::file_size(spool);
  EXPECT_TRUE(eventually([&] { return taken(app_) == one; }));
  write(spool, 9);
  EXPECT_TRUE(eventually([&] { return taken(app_) == 10 * one; }));
  // An app that came later.
  const auto other = store::AppName::parse("other");
  write(log_.spoolFile(other, "web.1", "c2"), 1);
  EXPECT_TRUE(eventually([&] { return !std::filesystem::exists(log_.spoolFile(other, "web.1", "c2")); }));
  EXPECT_EQ(log_.read(other, {}).size(), 1u);
}

TEST_F(LogCollectorTest, HoldsWhoWritesTooMuchTellsOnceAndLetsGo) {
  const auto spool = log_.spoolFile(app_, "web.1", "c1");
  const std::ofstream keepsOpen(spool, std::ios::app);
  const auto other = log_.spoolFile(app_, "web.2", "c2");
  write(other, 1);
  {
    const LogCollector collector(config_, log_, runtime_);
    // It goes at the end of a round, so that the other one has been seen as it is by then.
    ASSERT_TRUE(eventually([&] { return !std::filesystem::exists(other); }));
    write(spool, 2000);
    EXPECT_TRUE(eventually([&] { return count(SIGSTOP) == 1; }));
    EXPECT_TRUE(eventually([&] { return count(SIGCONT) == 1; }));
    write(spool, 2000);
    EXPECT_TRUE(eventually([&] { return count(SIGSTOP) == 2; }));
  }
  // The end of the daemon is none of a process's output.
  EXPECT_EQ(count(SIGCONT), count(SIGSTOP));
  EXPECT_THAT(runtime_.signals(), testing::Not(Contains(Pair("c2", SIGSTOP))));
  const auto told = log_.read(app_, {.lines = 100, .process = "log", .source = "fairlead"});
  ASSERT_EQ(told.size(), 1u);
  EXPECT_THAT(told[0].text, HasSubstr("web.1 writes more than app_log_rate_bytes (100000 a second)"));
  EXPECT_EQ(log_.read(app_, {.lines = 100'000, .process = "web.1"}).size(), 4000u);
}

TEST_F(LogCollectorTest, ALogThatIsRemovedIsNotBegunAgain) {
  LogCollectorConfig config = config_;
  config.settle = milliseconds(0);
  const LogCollector collector(config, log_, runtime_);
  for (int i = 0; i < 100; ++i) {
    for (int process = 0; process < 20; ++process)
      write(log_.spoolFile(app_, "web." + std::to_string(process), "c" + std::to_string(i)), 200);
    log_.remove(app_);
    EXPECT_FALSE(std::filesystem::exists(folder_ / "apps/hello"));
  }
}

TEST_F(LogCollectorTest, RequestsMakeNoLogForAnAppThatIsGone) {
  const auto request = [&](const std::string& host) {
    std::filesystem::create_directories(folder_ / "router/caddy");
    std::ofstream(folder_ / "router/caddy/access.log", std::ios::app)
        << R"({"ts":1,"request":{"host":")" << host
        << R"(","method":"GET","proto":"HTTP/1.1","remote_ip":"::1","uri":"/"},"status":200,"size":0,"duration":0})"
        << '\n';
  };
  std::atomic<bool> exists{true};
  LogCollectorConfig config = config_;
  config.routerFolder = folder_ / "router";
  config.appOf = [&](const std::string& host) -> std::optional<store::AppName> {
    if (host == "other.localhost") return store::AppName::parse("other");
    return exists ? std::optional(app_) : std::nullopt;
  };
  const LogCollector collector(config, log_, runtime_);
  request("hello.localhost");
  ASSERT_TRUE(eventually([&] { return log_.read(app_, {}).size() == 1; }));
  exists = false;
  log_.remove(app_);
  request("hello.localhost");
  request("other.localhost");
  EXPECT_TRUE(eventually([&] { return log_.read(store::AppName::parse("other"), {}).size() == 1; }));
  EXPECT_FALSE(std::filesystem::exists(folder_ / "apps/hello"));
}

TEST_F(LogCollectorTest, APipeInPlaceOfTheRequestsKeepsNobodyWaiting) {
  std::filesystem::create_directories(folder_ / "router/caddy");
  ASSERT_EQ(::mkfifo((folder_ / "router/caddy/access.log").c_str(), 0600), 0);
  LogCollectorConfig config = config_;
  config.routerFolder = folder_ / "router";
  const LogCollector collector(config, log_, runtime_);
  const auto spool = log_.spoolFile(app_, "web.1", "c1");
  write(spool, 1);
  // Taken, and seen to be done.
  EXPECT_TRUE(eventually([&] { return !std::filesystem::exists(spool); }));
}

TEST(AccessSpool, FreesNoFileThatHasAnotherName) {
  const testing_support::TempFolder folder;
  constexpr std::size_t kBytes = 1u << 20;
  const auto file = folder.write("access.log", std::string(kBytes - 1, 'x') + "\n");
  const auto blocks = [&] {
    struct stat info {};
    EXPECT_EQ(::stat(file.c_str(), &info), 0);
    return info.st_blocks;
  };
  const auto before = blocks();
  detail::AccessSpool spool(file, {});
  std::vector<detail::LogEntry> none;
  spool.take(2 * kBytes, none);
  std::filesystem::create_hard_link(file, folder / "another's");
  spool.freeUpTo(spool.place());
  EXPECT_EQ(blocks(), before);
  std::filesystem::remove(folder / "another's");
  spool.freeUpTo(spool.place());
  EXPECT_LT(blocks(), before);
}

TEST_F(LogCollectorTest, LetsGoWhatAKilledDaemonHasHeld) {
  sandbox::ContainerSpec spec;
  spec.id = "c1";
  runtime_.start(spec, log_.spoolFile(app_, "web.1", "c1"));
  runtime_.holdOutput("c1");
  const LogCollector collector(config_, log_, runtime_);
  EXPECT_EQ(count(SIGCONT), 1);
}

}  // namespace
}  // namespace runner
