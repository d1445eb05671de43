#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <fstream>
#include <functional>
#include <future>
#include <sstream>
#include <thread>
#include <utility>

#include "base/error.h"
#include "base/fd.h"
#include "base/json.h"
#include "tests/unit/sandbox/runtime_fixture.h"

namespace sandbox_test {
namespace {

using sandbox::ContainerSpec;
using sandbox::ContainerStatus;
using sandbox::RunningContainer;
using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::MatchesRegex;

class StartTest : public RuntimeTest {
 protected:
  std::filesystem::path log() const { return folder_->path() / "log"; }
  std::vector<std::string> logLines() const {
    std::ifstream in(log());
    std::vector<std::string> lines;
    for (std::string line; std::getline(in, line);)
      lines.push_back(line);
    return lines;
  }
  /// Waits for something that another process does.
  static bool eventually(const std::function<bool()>& condition) {
    for (int i = 0; i < 1000; ++i) {
      if (condition()) return true;
      std::this_thread::sleep_for(milliseconds(10));
    }
    return false;
  }
  bool logHolds(const std::string& text) {
    return eventually([&] {
      return std::filesystem::exists(log()) && base::readFile(log()).find(text) != std::string::npos;
    });
  }
};

TEST_F(StartTest, LogsInCriFormAndKeepsTheExitCode) {
  const ContainerSpec spec = shell(
      "echo out; sleep 0.1; echo err >&2; sleep 0.1; echo named >/dev/stdout; printf unfinished; exit 5");
  const RunningContainer started = runtime_->start(spec, log());
  EXPECT_EQ(started.id, spec.id);
  EXPECT_EQ(started.address, "");
  EXPECT_GT(started.pid, 1);
  EXPECT_TRUE(runtime_->waitForExit(spec.id, seconds(10)));
  const auto status = runtime_->status(spec.id);
  ASSERT_TRUE(status);
  EXPECT_FALSE(status->running);
  EXPECT_EQ(status->exit.code, 5);
  const std::string stamp = "[0-9]+-[0-9]+-[0-9]+T[0-9]+:[0-9]+:[0-9]+\\.[0-9]+\\+[0-9]+:[0-9]+ ";
  std::vector<std::string> lines = logLines();
  if (lines.size() == 5) lines.pop_back();  // some conmons end the unfinished line with an empty "F"
  EXPECT_THAT(lines, ElementsAre(MatchesRegex(stamp + "stdout F out"), MatchesRegex(stamp + "stderr F err"),
                                 MatchesRegex(stamp + "stdout F named"),
                                 MatchesRegex(stamp + "stdout P unfinished")));
}

TEST_F(StartTest, OutlivesTheRuntimeObjectAndIsAdopted) {
  const ContainerSpec spec =
      shell("trap 'echo stopping; exit 4' TERM; echo started; while :; do sleep 0.05; done");
  RunningContainer started;
  {
    const auto first = anotherRuntime();
    started = first->start(spec, log());
  }
  const auto second = anotherRuntime();
  EXPECT_THAT(second->list(), ElementsAre(spec.id));
  auto status = second->status(spec.id);
  ASSERT_TRUE(status);
  EXPECT_TRUE(status->running);
  EXPECT_EQ(status->container.pid, started.pid);
  EXPECT_EQ(status->container.startedAt, started.startedAt);
  EXPECT_TRUE(logHolds("started"));
  EXPECT_FALSE(second->waitForExit(spec.id, milliseconds(1)));
  second->signal(spec.id, SIGTERM);
  EXPECT_TRUE(second->waitForExit(spec.id, seconds(10)));
  status = second->status(spec.id);
  ASSERT_TRUE(status);
  EXPECT_EQ(status->exit.code, 4);
  EXPECT_TRUE(logHolds("stopping"));
  second->signal(spec.id, SIGTERM);  // nothing happens to one that has ended
  second->remove(spec.id);
  EXPECT_FALSE(second->status(spec.id));
}

/// Who can write to the log's folder could put a link there between any look at it and conmon's.
TEST_F(StartTest, WritesItsLogThroughNoLink) {
  const auto runtime = localRuntime();  // which looks at nothing first
  const auto elsewhere = folder_->path() / "elsewhere";
  std::ofstream(elsewhere) << "untouched\n";
  std::filesystem::create_symlink(elsewhere, log());
  EXPECT_ANY_THROW(runtime->start(shell("echo taken"), log()));
  EXPECT_EQ(base::readFile(elsewhere), "untouched\n");
  for (const std::string& id : runtime->list())
    runtime->remove(id);
}

TEST_F(StartTest, TellsWhatItUses) {
  ContainerSpec spec = shell(
      "dd if=/dev/zero of=/app/big bs=1M count=8 2>/dev/null; exec 9>/app/gone; rm /app/gone;"
      "dd if=/dev/zero bs=1M count=4 >&9 2>/dev/null; while :; do :; done & (while :; do :; done) & "
      "echo written; wait");
  spec.limits.pids = 10;
  runtime_->start(spec, log());
  ASSERT_TRUE(logHolds("written"));
  EXPECT_TRUE(eventually([&] { return runtime_->usage(spec.id).cpu > milliseconds(20); }));
  const sandbox::ContainerUsage usage = runtime_->usage(spec.id);
  EXPECT_GT(usage.memoryBytes, 0u);
  EXPECT_GE(usage.pids, 4);
  EXPECT_EQ(usage.pidsRefused, 0u);
  EXPECT_GE(runtime_->writtenBytes(spec.id), 12u << 20);
  EXPECT_LT(runtime_->writtenBytes(spec.id), 16u << 20);
  runtime_->remove(spec.id);
  EXPECT_EQ(runtime_->usage(spec.id).memoryBytes, 0u);
  EXPECT_EQ(runtime_->writtenBytes(spec.id), 0u);
}

TEST_F(StartTest, CountsWhatItsLimitsRefuse) {
  ContainerSpec spec =
      shell("i=0; while [ $i -lt 8 ]; do sleep 60 & i=$((i+1)); done 2>/dev/null; echo forked; wait");
  spec.limits.pids = 6;
  runtime_->start(spec, log());
  EXPECT_TRUE(eventually([&] { return runtime_->usage(spec.id).pidsRefused > 0; }));
  runtime_->remove(spec.id);
}

TEST_F(StartTest, HoldsItsOutputWhileItRunsAndNotItsEnd) {
  const ContainerSpec spec = shell("trap 'exit 4' TERM; echo begins; while :; do echo more; done");
  runtime_->start(spec, log());
  ASSERT_TRUE(logHolds("begins"));
  runtime_->holdOutput(spec.id);
  // What conmon was about when it was stopped.
  std::uintmax_t size = 0;
  ASSERT_TRUE(eventually([&] {
    const std::uintmax_t before = std::exchange(size, std::filesystem::file_size(log()));
    return before == size;
  }));
  EXPECT_TRUE(runtime_->status(spec.id)->running);
  EXPECT_EQ(std::filesystem::file_size(log()), size);
  runtime_->resumeOutput(spec.id);
  EXPECT_TRUE(eventually([&] { return std::filesystem::file_size(log()) > size; }));
  runtime_->holdOutput(spec.id);
  runtime_->signal(spec.id, SIGTERM);
  EXPECT_TRUE(runtime_->waitForExit(spec.id, seconds(10)));
  EXPECT_EQ(runtime_->status(spec.id)->exit.code, 4);
  runtime_->holdOutput(spec.id);
  runtime_->resumeOutput("unknown");
}

TEST_F(StartTest, KnowsTheExitCodeOfOneWhoseOutputIsHeld) {
  const ContainerSpec spec = shell("echo begins; sleep 0.3; exit 6");
  runtime_->start(spec, log());
  ASSERT_TRUE(logHolds("begins"));
  runtime_->holdOutput(spec.id);
  EXPECT_TRUE(runtime_->waitForExit(spec.id, seconds(10)));
  EXPECT_EQ(runtime_->status(spec.id)->exit.code, 6);
}

TEST_F(StartTest, RemovesARunningContainer) {
  const ContainerSpec spec = shell("trap '' TERM; while :; do sleep 1; done");
  runtime_->start(spec, log());
  runtime_->remove(spec.id);
  EXPECT_TRUE(runtime_->list().empty());
}

TEST_F(StartTest, KnowsNothingOfOtherIds) {
  EXPECT_FALSE(runtime_->status("unknown"));
  EXPECT_TRUE(runtime_->waitForExit("unknown", seconds(10)));
  runtime_->signal("unknown", SIGTERM);
  runtime_->remove("unknown");
  EXPECT_THROW(runtime_->status("../x"), base::Error);
}

TEST_F(StartTest, RefusesAnIdInUse) {
  const ContainerSpec spec = shell("sleep 100");
  runtime_->start(spec, log());
  try {
    runtime_->start(spec, log());
    ADD_FAILURE() << "it started twice";
  } catch (const base::Error& error) {
    EXPECT_EQ(error.code(), base::Errc::alreadyExists);
  }
  EXPECT_TRUE(runtime_->status(spec.id)->running);
}

TEST_F(StartTest, SurvivesTheDeathOfItsMonitor) {
  const ContainerSpec spec = shell("while :; do sleep 1; done");
  runtime_->start(spec, log());
  const auto folder = config().folder / "containers" / spec.id;
  ASSERT_EQ(::kill(std::stoi(base::readFile(folder / "conmon.pid")), SIGKILL), 0);
  EXPECT_TRUE(eventually([&] { return runtime_->status(spec.id)->unattended; }));
  EXPECT_TRUE(runtime_->status(spec.id)->running);
  EXPECT_TRUE(anotherRuntime()->status(spec.id)->unattended);
  runtime_->signal(spec.id, SIGKILL);
  EXPECT_TRUE(runtime_->waitForExit(spec.id, seconds(10)));
  const auto status = runtime_->status(spec.id);
  EXPECT_FALSE(status->running);
  EXPECT_EQ(status->exit.code, 137);
}

TEST_F(StartTest, DoesNotTakeAnotherProcessForItsOwn) {
  const ContainerSpec spec = shell("true");
  runtime_->start(spec, log());
  ASSERT_TRUE(runtime_->waitForExit(spec.id, seconds(10)));
  // As if the machine had given the pid to somebody else: here, to ourselves.
  const auto file = config().folder / "containers" / spec.id / "state.json";
  auto state = base::parseJsonObject(base::readFile(file), "state");
  state->getObject("init")->set("pid", static_cast<int>(::getpid()));
  state->getObject("monitor")->set("pid", static_cast<int>(::getpid()));
  std::ofstream(file) << base::toJson(state);
  EXPECT_FALSE(runtime_->status(spec.id)->running);
  runtime_->signal(spec.id, SIGKILL);
  runtime_->remove(spec.id);
}

/// Tells of the first output.
class TellingSink : public base::ByteSink {
 public:
  explicit TellingSink(std::function<void()> tell) : tell_(std::move(tell)) {}
  void write(std::string_view) override {
    if (const auto tell = std::exchange(tell_, nullptr)) tell();
  }

 private:
  std::function<void()> tell_;
};

TEST_F(StartTest, RemovesWhatAKilledDaemonLeft) {
  ContainerSpec spec = shell("echo ready; while :; do sleep 1; done");
  spec.network = true;
  const auto first = anotherRuntime();
  std::promise<void> ready;
  TellingSink sink([&] { ready.set_value(); });
  std::thread daemon([&] { EXPECT_THROW(first->run(spec, sink, {}), base::Error); });
  EXPECT_EQ(ready.get_future().wait_for(seconds(60)), std::future_status::ready);
  ::kill(first->pid(), SIGKILL);
  daemon.join();
  const auto later = anotherRuntime();
  EXPECT_THAT(later->list(), ElementsAre(spec.id));
  EXPECT_TRUE(later->status(spec.id)->running) << later->status(spec.id)->exit.describe();
  later->remove(spec.id);
  EXPECT_TRUE(later->list().empty());
}

TEST_F(StartTest, RemovesWhatWasOnlyBegun) {
  // A daemon may die at any step; these are the earliest ones.
  std::filesystem::create_directories(config().folder / "containers/begun/upper");
  EXPECT_THAT(runtime_->list(), ElementsAre("begun"));
  const auto status = runtime_->status("begun");
  ASSERT_TRUE(status);
  EXPECT_FALSE(status->running);
  EXPECT_FALSE(status->exit.ok());
  runtime_->remove("begun");
  EXPECT_TRUE(runtime_->list().empty());
}

}  // namespace
}  // namespace sandbox_test
