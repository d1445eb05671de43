#include "runner/local_one_offs.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <condition_variable>
#include <mutex>
#include <thread>

#include "base/atomic_file.h"
#include "base/error.h"
#include "base/fd.h"
#include "base/json.h"
#include "tests/support/fake_clock.h"
#include "tests/support/scripted_runtime.h"
#include "tests/support/temp_folder.h"

namespace runner {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Pair;

/// A client whose keys the test presses.
class Client : public base::Interaction {
 public:
  explicit Client(std::optional<base::TerminalSize> terminal) : terminal_(terminal) {}
  std::optional<base::TerminalSize> terminal() const override { return terminal_; }
  std::string terminalType() const override { return terminal_ ? "vt100" : ""; }
  void begin(std::function<void(base::TerminalSize)> resized) override {
    const std::lock_guard lock(mutex_);
    resized_ = std::move(resized);
  }
  base::ByteSink& output() override { return screen_; }
  std::size_t read(char* buffer, std::size_t capacity) override {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return !keys_.empty() || ended_; });
    const std::size_t count = keys_.copy(buffer, capacity);
    keys_.erase(0, count);
    return count;
  }
  void endInput() override {
    const std::lock_guard lock(mutex_);
    ended_ = true;
    resized_ = nullptr;
    changed_.notify_all();
  }
  void press(const std::string& keys) {
    const std::lock_guard lock(mutex_);
    keys_ += keys;
    changed_.notify_all();
  }
  void resize(base::TerminalSize size) {
    const std::lock_guard lock(mutex_);
    if (resized_) resized_(size);
  }
  std::string screen() const { return screen_.text; }

 private:
  struct Screen : base::ByteSink {
    void write(std::string_view bytes) override { text.append(bytes); }
    std::string text;
  };
  const std::optional<base::TerminalSize> terminal_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::string keys_;
  bool ended_ = false;
  std::function<void(base::TerminalSize)> resized_;
  Screen screen_;
};

std::string lineOf(const base::Fd& fd) {
  std::string line;
  for (char c = 0; c != '\n' && base::readSome(fd, &c, 1) == 1;)
    line += c;
  return line;
}

class LocalOneOffsTest : public ::testing::Test {
 protected:
  OneOff wanted(std::vector<std::string> command) const {
    return {.deployment = {.app = app_,
                           .release = {3},
                           .layers = {},
                           .environment = {{"A", "1"}, {"B", "2"}},
                           .types = {},
                           .formation = {}},
            .command = std::move(command),
            .environment = {{"B", "3"}},
            .timeout = std::chrono::seconds(60),
            .user = "ada"};
  }
  std::unique_ptr<OneOffRunner> make() {
    return makeLocalOneOffs(
        {.maxSessions = 2, .folder = folder_ / "one-offs"}, {}, runtime_, *trees_, log_,
        [](const store::Layer&) { return std::filesystem::path("/"); }, clock_);
  }
  std::vector<std::string> logged(const std::string& process) {
    std::vector<std::string> lines;
    for (const LogLine& line : log_.read(app_, {.lines = 100, .process = process, .source = ""}))
      lines.push_back(line.text);
    return lines;
  }

  const store::AppName app_ = store::AppName::parse("hello");
  testing_support::TempFolder folder_;
  test::FakeClock clock_;
  test::ScriptedRuntime runtime_;
  const std::unique_ptr<sandbox::ForeignTrees> trees_ = sandbox::makeForeignTrees(runtime_.hostId(0));
  AppLog log_{folder_ / "logs", clock_};
};

TEST_F(LocalOneOffsTest, HasTheReleasesEnvironmentAndItsOwn) {
  runtime_.queueRun("printed\n", 3);
  Client client(std::nullopt);
  const OneOffEnd end = make()->run(wanted({"rake", "db:migrate"}), client, {});
  EXPECT_EQ(end.exitCode, 3);
  EXPECT_EQ(client.screen(), "printed\n");
  ASSERT_EQ(runtime_.runs().size(), 1u);
  const sandbox::ContainerSpec spec = runtime_.runs()[0];
  EXPECT_THAT(spec.environment, Contains(Pair("A", "1")));
  EXPECT_THAT(spec.environment, Contains(Pair("B", "3")));
  EXPECT_THAT(spec.environment, Contains(Pair("DYNO", "run.1")));
  EXPECT_THAT(spec.id, ::testing::StartsWith("hello.run.1."));
  EXPECT_EQ(spec.networkGroup, "hello");
  EXPECT_EQ(spec.argv.back(), "db:migrate");
}

TEST_F(LocalOneOffsTest, CarriesKeysAndScreenOfATerminal) {
  Client client(base::TerminalSize{.columns = 90, .rows = 30});
  winsize first{};
  winsize second{};
  std::string typed;
  runtime_.onRun([&](const sandbox::ContainerSpec& spec, base::ByteSink&, const sandbox::RunOptions&) {
    EXPECT_THAT(spec.environment, Contains(Pair("TERM", "vt100")));
    const base::Fd terminal = base::openFile(spec.mounts.back().source, O_RDWR | O_NOCTTY);
    EXPECT_EQ(::isatty(terminal.get()), 1);
    ::ioctl(terminal.get(), TIOCGWINSZ, &first);
    client.resize({.columns = 120, .rows = 40});
    ::ioctl(terminal.get(), TIOCGWINSZ, &second);
    client.press("hello\r");
    typed = lineOf(terminal);
    base::writeAll(terminal, "bye\n");
    return sandbox::RunResult{};
  });
  EXPECT_EQ(make()->run(wanted({"bash"}), client, {}).exitCode, 0);
  EXPECT_EQ(first.ws_col, 90);
  EXPECT_EQ(second.ws_row, 40);
  EXPECT_EQ(typed, "hello\n");
  EXPECT_THAT(client.screen(), HasSubstr("bye\r\n"));
}

TEST_F(LocalOneOffsTest, CarriesTheInputOfAClientWithoutOne) {
  Client client(std::nullopt);
  std::string got;
  runtime_.onRun([&](const sandbox::ContainerSpec& spec, base::ByteSink& output, const sandbox::RunOptions&) {
    const base::Fd input = base::openFile(spec.mounts.back().source, O_RDONLY);
    client.press("one\n");
    got = lineOf(input);
    output.write("done");
    return sandbox::RunResult{};
  });
  make()->run(wanted({"cat"}), client, {});
  EXPECT_EQ(got, "one\n");
  EXPECT_EQ(client.screen(), "done");
}

/// Detached ones, and who is told of their ends.
class DetachedTest : public LocalOneOffsTest {
 protected:
  std::unique_ptr<OneOffRunner> make() {
    return makeLocalOneOffs(
        {.maxSessions = 2,
         .folder = folder_ / "one-offs",
         .poll = std::chrono::milliseconds(5),
         .ended =
             [this](const store::AppName& app, const OneOffEnd& end) {
               const std::lock_guard lock(mutex_);
               removedBefore_ = runtime_.removed().size();
               ends_.push_back({app.str() + "/" + end.name, end.exitCode, end.reason, end.how});
               changed_.notify_all();
             }},
        {}, runtime_, *trees_, log_, [](const store::Layer&) { return std::filesystem::path("/"); }, clock_);
  }
  std::string container(std::size_t number) const { return runtime_.starts().at(number).id; }
  OneOffEnd awaitEnd() {
    std::unique_lock lock(mutex_);
    if (!changed_.wait_for(lock, std::chrono::seconds(20), [&] { return !ends_.empty(); })) return {};
    const OneOffEnd end = ends_.front();
    ends_.erase(ends_.begin());
    return end;
  }
  std::filesystem::path stateFolder() const { return folder_ / "one-offs" / "detached"; }

  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<OneOffEnd> ends_;
  std::size_t removedBefore_ = 0;  // containers, when the last end was told
};

TEST_F(DetachedTest, WritesToTheLogAndCanBeStopped) {
  auto oneOffs = make();
  EXPECT_EQ(oneOffs->runDetached(wanted({"work"})), "run.1");
  EXPECT_EQ(oneOffs->runDetached(wanted({"work"})), "run.2");
  ASSERT_EQ(oneOffs->processes(app_).size(), 2u);
  EXPECT_EQ(oneOffs->processes(app_)[0].command, "work");
  EXPECT_EQ(oneOffs->processes(app_)[0].container, container(0));
  try {
    oneOffs->runDetached(wanted({"work"}));
    ADD_FAILURE();
  } catch (const base::Error& error) {
    EXPECT_EQ(error.code(), base::Errc::overloaded);
    EXPECT_THAT(error.what(), HasSubstr("run_max_sessions"));
  }
  runtime_.appendLog(container(0), "stdout", "two");
  runtime_.appendLog(container(0), "stderr", "lines");
  EXPECT_THROW(oneOffs->stop(app_, "run.3"), base::Error);
  oneOffs->stop(app_, "run.1");
  const OneOffEnd end = awaitEnd();
  EXPECT_EQ(end.name, "hello/run.1");
  EXPECT_EQ(end.reason, "was stopped");
  EXPECT_EQ(end.how, OneOffEnd::How::stopped);
  EXPECT_THAT(logged("run.1"), ElementsAre("two", "lines"));
  EXPECT_THAT(logged("run"), Contains("run.1 was stopped"));
  oneOffs.reset();  // its watcher has ended
  EXPECT_THAT(runtime_.removed(), Contains(container(0)));
}

TEST_F(DetachedTest, ItsExitIsTold) {
  const auto oneOffs = make();
  oneOffs->runDetached(wanted({"work"}));
  runtime_.finish(container(0), {.code = 3, .signal = 0});
  const OneOffEnd end = awaitEnd();
  EXPECT_EQ(end.exitCode, 3);
  EXPECT_EQ(end.reason, "exited with status 3");
  EXPECT_EQ(end.how, OneOffEnd::How::exited);
  const std::lock_guard lock(mutex_);
  EXPECT_EQ(removedBefore_, 0u) << "a kill here leaves what the next daemon tells it from";
}

TEST_F(DetachedTest, CronsAreToldApartAndHaveTheirTimeFromElsewhere) {
  OneOff cron = wanted({"work"});
  cron.type = "cron";
  cron.number = 17;
  const auto oneOffs = make();
  EXPECT_EQ(oneOffs->runDetached(cron), "cron.17");
  EXPECT_THAT(logged("cron"), ElementsAre(HasSubstr("cron.17 started by ")));
  clock_.advance(std::chrono::minutes(2));
  const OneOffEnd end = awaitEnd();
  EXPECT_EQ(end.name, "hello/cron.17");
  EXPECT_EQ(end.how, OneOffEnd::How::timedOut);
  EXPECT_THAT(logged("cron"),
              Contains("cron.17 was ended after 60 s (its timeout in app.json, or cron_timeout_s)"));
}

TEST_F(DetachedTest, HasTheSizeThatItAsksFor) {
  OneOff sized = wanted({"work"});
  sized.memoryBytes = 1u << 30;
  sized.cpus = 0.5;
  const auto oneOffs = make();
  oneOffs->runDetached(sized);
  oneOffs->runDetached(wanted({"work"}));
  EXPECT_EQ(runtime_.starts().at(0).limits.memoryBytes, 1u << 30);
  EXPECT_EQ(runtime_.starts().at(0).limits.cpus, 0.5);
  EXPECT_EQ(runtime_.starts().at(1).limits.memoryBytes, 512u << 20);
}

TEST_F(DetachedTest, OutlivesTheDaemonAndIsTheNextOnes) {
  make()->runDetached(wanted({"work"}));
  EXPECT_TRUE(runtime_.signals().empty()) << "a daemon that ends leaves it";
  const auto later = make();
  ASSERT_EQ(later->processes(app_).size(), 1u);
  const ProcessStatus status = later->processes(app_)[0];
  EXPECT_EQ(status.name, "run.1");
  EXPECT_EQ(status.command, "work");
  EXPECT_EQ(status.release.number, 3);
  EXPECT_EQ(status.since, clock_.now());
  EXPECT_TRUE(runtime_.removed().empty());
  EXPECT_EQ(later->runDetached(wanted({"more"})), "run.2") << "its name is taken";
  runtime_.finish(container(0), {.code = 7, .signal = 0});
  EXPECT_EQ(awaitEnd().exitCode, 7);
}

TEST_F(DetachedTest, AnEndBetweenTwoDaemonsIsToldByTheNext) {
  make()->runDetached(wanted({"work"}));
  runtime_.finish(container(0), {.code = 0, .signal = 0});
  const auto later = make();
  EXPECT_EQ(awaitEnd().reason, "exited with status 0");
  EXPECT_THAT(logged("run"), Contains("run.1 exited with status 0"));
}

TEST_F(DetachedTest, ItsTimeGoesOnWhileNoDaemonRuns) {
  make()->runDetached(wanted({"work"}));  // for 60 s
  clock_.advance(std::chrono::seconds(59));
  {
    const auto second = make();
    EXPECT_EQ(second->processes(app_).size(), 1u);
    EXPECT_TRUE(runtime_.signals().empty());
  }
  clock_.advance(std::chrono::seconds(2));
  const auto third = make();
  const OneOffEnd end = awaitEnd();
  EXPECT_EQ(end.exitCode, 124);
  EXPECT_THAT(end.reason, HasSubstr("was ended after 60 s"));
}

TEST_F(DetachedTest, ARebootEndsItWithTheMachine) {
  make()->runDetached(wanted({"work"}));
  const std::filesystem::path file = stateFolder() / (container(0) + ".json");
  auto json = base::parseJsonObject(base::readFile(file), "state");
  json->set("boot", "another");
  base::writeFileAtomically(file, base::toJson(json));
  runtime_.finish(container(0), {.code = 137, .signal = 0});
  const auto later = make();
  const OneOffEnd end = awaitEnd();
  EXPECT_EQ(end.reason, "ended with the machine");
  EXPECT_EQ(end.how, OneOffEnd::How::lost);
  EXPECT_THAT(logged("run"), Contains("run.1 ended with the machine"));
}

TEST_F(DetachedTest, OneThatAKillLeftHalfMadeIsToldAndDamagedFilesGo) {
  make()->runDetached(wanted({"work"}));
  runtime_.remove(container(0));  // as if the kill had come before its container
  base::writeFileAtomically(stateFolder() / "broken.json", "{");
  base::writeFileAtomically(folder_ / "one-offs" / "exec-1", "an input that a kill left");
  const auto later = make();
  EXPECT_EQ(awaitEnd().reason, "was lost when the server was killed");
  EXPECT_FALSE(std::filesystem::exists(stateFolder() / "broken.json"));
  EXPECT_FALSE(std::filesystem::exists(folder_ / "one-offs" / "exec-1"));
}

TEST_F(DetachedTest, OneThatCannotStartLeavesNothing) {
  const auto oneOffs = make();
  runtime_.failNext(base::Error(base::Errc::unavailable, "no room"));
  EXPECT_THROW(oneOffs->runDetached(wanted({"work"})), base::Error);
  EXPECT_TRUE(oneOffs->processes(app_).empty());
  EXPECT_TRUE(std::filesystem::is_empty(stateFolder()));
  EXPECT_THAT(logged("run"), Contains("run.1 failed: no room"));
}

TEST_F(DetachedTest, AShutdownThatLeavesNothingWaitsForThem) {
  const auto oneOffs = make();
  oneOffs->runDetached(wanted({"work"}));
  oneOffs->runDetached(wanted({"work"}));
  oneOffs->stopAll();
  EXPECT_TRUE(oneOffs->processes(app_).empty());
  EXPECT_TRUE(runtime_.list().empty());
  EXPECT_TRUE(std::filesystem::is_empty(stateFolder()));
  EXPECT_THROW(oneOffs->runDetached(wanted({"work"})), base::Error) << "none begins any more";
}

TEST_F(LocalOneOffsTest, HasTheNumberThatWasPromisedIfItIsFree) {
  std::string second;
  const auto oneOffs = make();
  OneOff promised = wanted({"work"});
  promised.number = 4321;
  runtime_.onRun([&](const sandbox::ContainerSpec&, base::ByteSink&, const sandbox::RunOptions&) {
    second = oneOffs->runDetached(promised);
    return sandbox::RunResult{};
  });
  Client client(std::nullopt);
  EXPECT_EQ(oneOffs->run(promised, client, {}).name, "run.4321");
  EXPECT_EQ(second, "run.4322");
}

class LocalExecTest : public LocalOneOffsTest {
 protected:
  Exec inside(std::vector<std::string> command) const {
    return {.app = app_,
            .process = "web.1",
            .container = "hello.v3.web.1.abcd",
            .command = std::move(command),
            .timeout = std::chrono::seconds(60),
            .user = "ada"};
  }
};

TEST_F(LocalExecTest, RunsInTheProcesssContainerWithTheClientsInput) {
  Client client(std::nullopt);
  std::string got;
  std::vector<std::string> argv;
  runtime_.onExec([&](const std::string& id, const sandbox::ExecSpec& spec, base::ByteSink& output,
                      const sandbox::RunOptions& options) {
    EXPECT_EQ(id, "hello.v3.web.1.abcd");
    EXPECT_EQ(spec.terminal, nullptr);
    EXPECT_EQ(options.timeout, std::chrono::seconds(60));
    argv = spec.argv;
    client.press("one\n");
    got = lineOf(*spec.input);
    output.write("done");
    sandbox::RunResult result;
    result.status.code = 3;
    return result;
  });
  const OneOffEnd end = make()->exec(inside({"cat", "-n"}), client, {});
  EXPECT_EQ(end.exitCode, 3);
  EXPECT_EQ(end.name, "web.1");
  EXPECT_EQ(end.reason, "exited with status 3");
  EXPECT_EQ(got, "one\n");
  EXPECT_EQ(client.screen(), "done");
  EXPECT_THAT(argv, ElementsAre("/fairlead/start", "cat", "-n"));
  EXPECT_THAT(logged("run"), ElementsAre("ps:exec in web.1 started by ada: cat -n",
                                         "ps:exec in web.1 exited with status 3"));
}

TEST_F(LocalExecTest, IsAShellAtTheClientsTerminalWithoutACommand) {
  Client client(base::TerminalSize{.columns = 90, .rows = 30});
  winsize second{};
  std::string typed;
  runtime_.onExec(
      [&](const std::string&, const sandbox::ExecSpec& spec, base::ByteSink&, const sandbox::RunOptions&) {
        EXPECT_THAT(spec.environment, ElementsAre(Pair("TERM", "vt100")));
        EXPECT_THAT(spec.argv.back(), HasSubstr("/bin/bash"));
        client.resize({.columns = 120, .rows = 40});
        ::ioctl(spec.terminal->get(), TIOCGWINSZ, &second);
        client.press("hello\r");
        typed = lineOf(*spec.terminal);
        base::writeAll(*spec.terminal, "bye\n");
        return sandbox::RunResult{};
      });
  EXPECT_EQ(make()->exec(inside({}), client, {}).exitCode, 0);
  EXPECT_EQ(second.ws_row, 40);
  EXPECT_EQ(typed, "hello\n");
  EXPECT_THAT(client.screen(), HasSubstr("bye\r\n"));
  EXPECT_THAT(logged("run"), Contains("ps:exec in web.1 started by ada: a shell"));
}

TEST_F(LocalExecTest, SaysWhyItEnded) {
  Client client(std::nullopt);
  const auto oneOffs = make();
  const auto reasonOf = [&](sandbox::RunResult result) {
    runtime_.onExec([&](const std::string&, const sandbox::ExecSpec&, base::ByteSink&,
                        const sandbox::RunOptions&) { return result; });
    return oneOffs->exec(inside({"true"}), client, {});
  };
  sandbox::RunResult result;
  result.status.code = 137;
  result.containerEnded = true;
  EXPECT_EQ(reasonOf(result).reason, "was ended with web.1, which has ended or been replaced");
  result.end = sandbox::RunResult::End::timedOut;
  EXPECT_THAT(reasonOf(result).reason, HasSubstr("run_timeout_s"));
  EXPECT_EQ(reasonOf(result).exitCode, 124);
  result.end = sandbox::RunResult::End::cancelled;
  EXPECT_EQ(reasonOf(result).reason, "was stopped");
}

TEST_F(LocalExecTest, CountsAsOneThatRuns) {
  Client client(std::nullopt);
  Client other(std::nullopt);
  const auto oneOffs = make();
  std::vector<std::string> refused;
  runtime_.onExec(
      [&](const std::string&, const sandbox::ExecSpec&, base::ByteSink&, const sandbox::RunOptions& options) {
        // Two are the most: this one, and a one-off, which may not begin another.
        runtime_.onRun([&](const sandbox::ContainerSpec&, base::ByteSink&, const sandbox::RunOptions&) {
          try {
            oneOffs->exec(inside({"true"}), other, {});
          } catch (const base::Error& error) {
            refused.emplace_back(error.what());
          }
          return sandbox::RunResult{};
        });
        oneOffs->run(wanted({"true"}), other, {});
        oneOffs->stopAll();
        EXPECT_TRUE(options.stop.stop_requested()) << "a shutdown ends it";
        return sandbox::RunResult{};
      });
  oneOffs->exec(inside({"true"}), client, {});
  ASSERT_EQ(refused.size(), 1u);
  EXPECT_THAT(refused[0], HasSubstr("run_max_sessions"));
}

TEST_F(LocalOneOffsTest, NeedsACommand) {
  Client client(std::nullopt);
  EXPECT_THROW(make()->run(wanted({}), client, {}), base::Error);
}

}  // namespace
}  // namespace runner
