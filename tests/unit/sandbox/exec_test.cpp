#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <functional>
#include <future>
#include <thread>

#include "base/error.h"
#include "base/fd.h"
#include "base/json.h"
#include "sandbox/detail/container_exec.h"
#include "tests/unit/sandbox/runtime_fixture.h"

namespace sandbox_test {
namespace {

using sandbox::ContainerSpec;
using sandbox::ExecSpec;
using sandbox::RunOptions;
using sandbox::RunResult;
using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::HasSubstr;
using ::testing::Not;

/// Tells of each piece of output.
class TellingSink : public StringSink {
 public:
  explicit TellingSink(std::function<void()> tell) : tell_(std::move(tell)) {}
  void write(std::string_view bytes) override {
    StringSink::write(bytes);
    tell_();
  }

 private:
  std::function<void()> tell_;
};

/// One container that waits, and commands in it.
class ExecTest : public RuntimeTest {
 protected:
  void SetUp() override {
    RuntimeTest::SetUp();
    if (IsSkipped()) return;
    ContainerSpec spec = shell("sleep 1000");
    spec.environment.emplace_back("GREETING", "good day");
    spec.environment.emplace_back("TERM", "dumb");
    spec.workingDirectory = "/home";
    spec.limits.pids = 50;
    id_ = spec.id;
    runtime_->start(spec, folder_->path() / "log");
  }
  void TearDown() override {
    if (!id_.empty()) runtime_->remove(id_);
    RuntimeTest::TearDown();
  }
  static ExecSpec command(const std::string& script) {
    ExecSpec spec;
    spec.argv = {"/bin/sh", "-c", script};
    return spec;
  }
  RunResult exec(const std::string& script, const RunOptions& options = {}) {
    StringSink sink;
    const RunResult result = runtime_->exec(id_, command(script), sink, options);
    output_ = sink.text;
    return result;
  }
  /// Those in the container, as it sees them.
  std::string processes() {
    exec("ps -o args");
    return output_;
  }

  std::string id_;
};

TEST_F(ExecTest, HasTheContainersEnvironmentFolderUserAndNoMoreRights) {
  const RunResult result =
      exec("echo $GREETING $PWD $(id -u); grep -E 'NoNewPrivs|CapEff|Seccomp:' /proc/self/status; exit 7");
  EXPECT_EQ(result.end, RunResult::End::exited);
  EXPECT_EQ(result.status.code, 7);
  EXPECT_FALSE(result.containerEnded);
  EXPECT_THAT(output_, ::testing::StartsWith("good day /home 1000\n"));
  EXPECT_THAT(output_, HasSubstr("NoNewPrivs:\t1"));
  EXPECT_THAT(output_, HasSubstr("CapEff:\t0000000000000000"));
  EXPECT_THAT(output_, HasSubstr("Seccomp:\t2"));
  EXPECT_TRUE(runtime_->status(id_)->running) << "the container goes on";
}

TEST_F(ExecTest, SharesTheContainersProcessesAndFiles) {
  EXPECT_THAT(processes(), HasSubstr("sleep 1000"));
  exec("echo kept >/tmp/note");
  exec("cat /tmp/note; echo named >/dev/stdout; echo told >&2");
  EXPECT_EQ(output_, "kept\nnamed\ntold\n");
}

TEST_F(ExecTest, SharesTheContainersLimits) {
  exec("for i in $(seq 60); do sleep 5 & done; echo all");
  EXPECT_THAT(output_, HasSubstr("can't fork"));
}

TEST_F(ExecTest, ReadsItsInputToTheEnd) {
  auto [readEnd, writeEnd] = base::makePipe();
  ExecSpec spec = command("cat; echo end");
  spec.input = &readEnd;
  base::writeAll(writeEnd, "one\n");
  writeEnd.reset();
  StringSink sink;
  runtime_->exec(id_, spec, sink, {});
  EXPECT_EQ(sink.text, "one\nend\n");
  EXPECT_EQ(exec("cat").status.code, 0) << "without one it is empty";
}

TEST_F(ExecTest, CarriesMoreThanAPipeHolds) {
  exec("yes 0123456789abcde | head -c 3000000");
  EXPECT_EQ(output_.size(), 3'000'000u);
}

TEST_F(ExecTest, HasATerminalOfThisMachine) {
  const base::Fd master(::posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC));
  ASSERT_EQ(::unlockpt(master.get()), 0);
  const base::Fd slave = base::openFile(::ptsname(master.get()), O_RDWR | O_NOCTTY);
  ExecSpec spec;
  // Not the leader of its group, so that busybox's setsid becomes the shell.
  spec.argv = {"/bin/sh", "-c", "(exec setsid -c sh -c \"$1\") <&3 >&3 2>&3 3>&-; exit $?", "sh",
               "test -t 0 && test -t 2 && echo yes $TERM; trap 'echo interrupted; exit 4' INT; "
               "echo waiting; while :; do sleep 0.1; done"};
  spec.environment = {{"TERM", "vt100"}};
  spec.terminal = &slave;
  StringSink none;
  auto result = std::async(std::launch::async, [&] {
    return runtime_->exec(id_, spec, none, {.timeout = seconds(60), .onRefusedHost = {}});
  });
  std::string screen;
  while (screen.find("waiting") == std::string::npos) {
    char buffer[256];
    pollfd entry{master.get(), POLLIN, 0};
    if (::poll(&entry, 1, 20'000) <= 0) break;
    screen.append(buffer, base::readSome(master, buffer, sizeof buffer));
  }
  ASSERT_THAT(screen, HasSubstr("yes vt100"));
  base::writeAll(master, "\x03");
  EXPECT_EQ(result.get().status.code, 4) << "the key reached the program";
  EXPECT_EQ(none.text, "");
}

TEST_F(ExecTest, AStopEndsItWithAllThatItStartedAndNothingElse) {
  std::stop_source source;
  TellingSink sink([&] { source.request_stop(); });
  RunOptions options;
  options.stop = source.get_token();
  options.killGrace = milliseconds(100);
  const RunResult result = runtime_->exec(
      id_, command("trap '' TERM; setsid sleep 2001 & sleep 2002 & echo ready; sleep 2003"), sink, options);
  EXPECT_EQ(result.end, RunResult::End::cancelled);
  const std::string left = processes();
  EXPECT_THAT(left, Not(HasSubstr("200")));
  EXPECT_THAT(left, HasSubstr("sleep 1000"));
}

TEST_F(ExecTest, WhatItLeavesRunningIsEndedWithIt) {
  const auto before = std::chrono::steady_clock::now();
  EXPECT_EQ(exec("while :; do echo noise; done & sleep 2001 & echo done; exit 0").status.code, 0);
  EXPECT_LT(std::chrono::steady_clock::now() - before, seconds(20));
  EXPECT_THAT(output_, HasSubstr("done\n"));
  EXPECT_THAT(processes(), Not(HasSubstr("2001")));
}

/// What is just becoming another program has no environment for that moment. These do nothing else.
TEST_F(ExecTest, WhatItLeavesIsEndedInTheMidstOfAChange) {
  exec("echo 'exec sh /tmp/again-2003' >/tmp/again-2003");
  for (int i = 0; i < 10; ++i)
    EXPECT_EQ(exec("for i in 1 2 3 4; do sh /tmp/again-2003 & done; exit 0").status.code, 0);
  EXPECT_THAT(processes(), Not(HasSubstr("again-2003")));
}

TEST_F(ExecTest, ItsTimeEndsIt) {
  RunOptions options;
  options.timeout = seconds(1);
  options.killGrace = milliseconds(100);
  EXPECT_EQ(exec("sleep 1001", options).end, RunResult::End::timedOut);
}

TEST_F(ExecTest, EndsWithItsContainerAndSaysSo) {
  TellingSink sink([&] { runtime_->signal(id_, SIGKILL); });
  const RunResult result = runtime_->exec(id_, command("echo ready; sleep 1001"), sink, {});
  EXPECT_TRUE(result.containerEnded);
  StringSink none;
  try {
    runtime_->exec(id_, command("true"), none, {});
    ADD_FAILURE() << "in a container that has ended";
  } catch (const base::Error& error) {
    EXPECT_EQ(error.code(), base::Errc::notFound);
  }
  EXPECT_THROW(runtime_->exec("nobody", command("true"), none, {}), base::Error);
}

TEST_F(ExecTest, AStopOfItsContainerReachesItToo) {
  TellingSink sink([&] { runtime_->signal(id_, SIGTERM); });
  const RunResult result = runtime_->exec(id_, command("echo ready; exec sleep 1001"), sink, {});
  // When the container's first process is the faster one, the kernel ends the rest with it.
  EXPECT_THAT(result.status.code, ::testing::AnyOf(128 + SIGTERM, 128 + SIGKILL));
  EXPECT_TRUE(result.containerEnded);
}

TEST_F(ExecTest, ItsOwnDeathIsNotTheContainers) {
  const RunResult result = exec("kill -9 $$");
  EXPECT_EQ(result.status.code, 128 + SIGKILL);
  EXPECT_FALSE(result.containerEnded);
}

TEST_F(ExecTest, ALaterDaemonEndsWhatAKilledOneLeft) {
  TellingSink sink([&] { anotherRuntime(); });  // takes over the folder as after a kill
  EXPECT_EQ(runtime_->exec(id_, command("echo ready; sleep 1001"), sink, {}).status.code, 128 + SIGKILL);
  EXPECT_TRUE(runtime_->status(id_)->running);
}

TEST_F(ExecTest, ManyAtOnceKeepApart) {
  std::vector<std::future<std::string>> all;
  for (int i = 0; i < 4; ++i)
    all.push_back(std::async(std::launch::async, [this, i] {
      StringSink sink;
      const RunResult result =
          runtime_->exec(id_, command("echo " + std::to_string(i) + "; exit " + std::to_string(i)), sink, {});
      return sink.text + std::to_string(result.status.code);
    }));
  for (int i = 0; i < 4; ++i)
    EXPECT_EQ(all[static_cast<std::size_t>(i)].get(), std::to_string(i) + "\n" + std::to_string(i));
}

TEST(ExecProcess, TakesTheContainersProcessWithAnotherCommand) {
  ExecSpec spec;
  spec.argv = {"ls", "-l"};
  spec.environment = {{"TERM", "vt100"}};
  const std::string text = sandbox::execProcess(
      R"({"process":{"args":["x"],"env":["A=1","TERM=dumb","FAIRLEAD_EXEC=other"],"noNewPrivileges":true}})",
      spec, "app.v1.web.1+ff");
  EXPECT_EQ(text, R"({"args":["ls","-l"],"env":["A=1","TERM=vt100","FAIRLEAD_EXEC=app.v1.web.1+ff"],)"
                  R"("noNewPrivileges":true})");
  EXPECT_THROW(sandbox::execProcess("{}", spec, "x"), base::Error);
  EXPECT_EQ(sandbox::containerOfExec(sandbox::newExecName("app.v1.web.1")), "app.v1.web.1");
}

}  // namespace
}  // namespace sandbox_test
