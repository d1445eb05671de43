#include "base/child_process.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <unistd.h>

#include <functional>
#include <thread>

#include "base/error.h"
#include "tests/support/temp_folder.h"

namespace base {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;
using testing_support::TempFolder;

Errc codeOf(const std::function<void()>& body) {
  try {
    body();
  } catch (const Error& error) {
    return error.code();
  }
  return Errc::internal;
}

std::string readAll(const Fd& fd) {
  std::string text;
  char buffer[256];
  while (const auto count = readSome(fd, buffer, sizeof buffer))
    text.append(buffer, count);
  return text;
}

TEST(ChildProcess, TellsHowItEnded) {
  EXPECT_EQ(ChildProcess::spawn({.argv = {"sh", "-c", "exit 3"}}).wait().describe(), "exit status 3");
  const ExitStatus killed = ChildProcess::spawn({.argv = {"sh", "-c", "kill -9 $$"}}).wait();
  EXPECT_EQ(killed.describe(), "killed by signal 9");
  EXPECT_FALSE(killed.ok());
  EXPECT_TRUE(ChildProcess::spawn({.argv = {"true"}}).wait().ok());
}

TEST(ChildProcess, MissingProgramIsNotFound) {
  EXPECT_EQ(codeOf([] { ChildProcess::spawn({.argv = {"no-such-program-here"}}); }), Errc::notFound);
  EXPECT_EQ(codeOf([] { ChildProcess::spawn({.argv = {"/no/such/program"}}); }), Errc::notFound);
}

TEST(ChildProcess, ReportsWhatFailedInTheChild) {
  const TempFolder folder;
  const auto script = folder.write("not-executable", "#!/bin/sh\n");
  EXPECT_EQ(codeOf([&] { ChildProcess::spawn({.argv = {script.string()}}); }), Errc::permissionDenied);
  EXPECT_EQ(codeOf([] { ChildProcess::spawn({.argv = {"true"}, .workingDirectory = "/no/such/folder"}); }),
            Errc::notFound);
}

TEST(ChildProcess, PassesFilesWhateverTheirNumbersAre) {
  auto [readA, writeA] = makePipe();
  auto [readB, writeB] = makePipe();
  // Each source is the other's target.
  const int a = writeA.get();
  const int b = writeB.get();
  const std::string command =
      "echo A >/proc/self/fd/" + std::to_string(b) + "; echo B >/proc/self/fd/" + std::to_string(a);
  auto child = ChildProcess::spawn({.argv = {"sh", "-c", command}, .fds = {{&writeA, b}, {&writeB, a}}});
  writeA.reset();
  writeB.reset();
  EXPECT_TRUE(child.wait().ok());
  EXPECT_EQ(readAll(readA), "A\n");
  EXPECT_EQ(readAll(readB), "B\n");
}

TEST(ChildProcess, InheritsNoOtherFiles) {
  const Fd leaky(::open("/dev/null", O_RDONLY));  // without O_CLOEXEC, as libraries do
  const auto output = runCommand({"sh", "-c", "ls /proc/self/fd"});
  EXPECT_EQ(output.out, "0\n1\n2\n3\n");  // 3 is ls reading the folder
}

TEST(ChildProcess, StartsWithSignalsAsTheyWereAtBirth) {
  sigset_t blocked;
  sigset_t before;
  ::sigemptyset(&blocked);
  ::sigaddset(&blocked, SIGTERM);
  ::pthread_sigmask(SIG_BLOCK, &blocked, &before);
  const auto old = ::signal(SIGPIPE, SIG_IGN);
  const auto output = runCommand({"grep", "-E", "^Sig(Blk|Ign)", "/proc/self/status"});
  ::signal(SIGPIPE, old);
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  EXPECT_EQ(output.out, "SigBlk:\t0000000000000000\nSigIgn:\t0000000000000000\n");
}

TEST(ChildProcess, AbandoningKillsTheWholeGroup) {
  auto [readEnd, writeEnd] = makePipe();
  {
    const auto child =
        ChildProcess::spawn({.argv = {"sh", "-c", "sleep 600 & echo ready; wait"}, .fds = {{&writeEnd, 1}}});
    writeEnd.reset();
    char buffer[16];
    ASSERT_GT(readSome(readEnd, buffer, sizeof buffer), 0u);
  }
  EXPECT_EQ(readAll(readEnd), "");  // ends only when nobody holds the pipe
}

TEST(ChildProcess, ReleaseLeavesItRunning) {
  auto [readEnd, writeEnd] = makePipe();
  auto [goRead, goWrite] = makePipe();
  {
    auto child = ChildProcess::spawn(
        {.argv = {"sh", "-c", "read line; echo $line"}, .fds = {{&goRead, 0}, {&writeEnd, 1}}});
    child.release();
    EXPECT_LT(child.pid(), 0);
  }
  writeEnd.reset();
  writeAll(goWrite, "alive\n");
  EXPECT_EQ(readAll(readEnd), "alive\n");
}

TEST(ChildProcess, WaitForEndsAtTheTimeout) {
  auto child = ChildProcess::spawn({.argv = {"sleep", "600"}});
  EXPECT_EQ(child.waitFor(10ms), std::nullopt);
  EXPECT_EQ(child.tryWait(), std::nullopt);
  child.signalGroup(SIGTERM);
  const auto status = child.waitFor(10s);
  ASSERT_TRUE(status);
  EXPECT_EQ(status->signal, SIGTERM);
  EXPECT_EQ(child.wait().signal, SIGTERM);  // asked again, says the same
  child.signalGroup(SIGTERM);               // gone: no error
}

TEST(ChildProcess, PidFdBecomesReadable) {
  auto child = ChildProcess::spawn({.argv = {"true"}});
  pollfd entry{child.pidFd().get(), POLLIN, 0};
  EXPECT_EQ(::poll(&entry, 1, 10'000), 1);
  EXPECT_TRUE(child.tryWait().has_value());
}

TEST(ChildProcess, MovesWithItsDuty) {
  auto first = ChildProcess::spawn({.argv = {"sleep", "600"}});
  const pid_t pid = first.pid();
  auto second = std::move(first);
  EXPECT_EQ(second.pid(), pid);
  EXPECT_LT(first.pid(), 0);  // NOLINT(bugprone-use-after-move): says what a moved-from child is
  second = ChildProcess::spawn({.argv = {"true"}});
  EXPECT_EQ(::kill(pid, 0), -1);  // the one that was overwritten is dead and reaped
  EXPECT_TRUE(second.wait().ok());
}

TEST(ChildProcess, OwnSessionLeadsOne) {
  const Fd sink = openFile("/dev/null", O_WRONLY);
  auto child = ChildProcess::spawn({.argv = {"sleep", "600"}, .fds = {{&sink, 1}}, .ownSession = true});
  EXPECT_EQ(::getsid(child.pid()), child.pid());
}

TEST(RunCommand, CollectsBothStreams) {
  const auto output = runCommand({"sh", "-c", "cat; echo problem >&2; exit 4"}, {.input = "hello"});
  EXPECT_EQ(output.out, "hello");
  EXPECT_EQ(output.err, "problem\n");
  EXPECT_EQ(output.status.code, 4);
}

TEST(RunCommand, HandlesMoreThanAPipeHolds) {
  const std::string input(1 << 20, 'x');
  EXPECT_EQ(runCommand({"cat"}, {.input = input}).out, input);
  EXPECT_TRUE(runCommand({"true"}, {.input = input}).status.ok());  // nobody reads it
}

TEST(RunCommand, DropsOutputBeyondTheLimit) {
  const auto output =
      runCommand({"sh", "-c", "head -c 300000 /dev/zero; echo end >&2"}, {.maxOutputBytes = 1000});
  EXPECT_EQ(output.out.size(), 1000u);
  EXPECT_EQ(output.err, "end\n");
  EXPECT_TRUE(output.status.ok());
}

TEST(RunCommand, UsesTheGivenEnvironmentAndFolder) {
  const TempFolder folder;
  const auto output = runCommand({"sh", "-c", "echo $WORD; pwd; echo \"[$HOME]\""},
                                 {.environment = {{"WORD=x"}}, .workingDirectory = folder.path().string()});
  EXPECT_EQ(output.out, "x\n" + folder.path().string() + "\n[]\n");
  EXPECT_EQ(runCommand({"env"}, {.environment = std::vector<std::string>()}).out, "");
}

TEST(RunCommand, KillsAtTheTimeout) {
  EXPECT_EQ(codeOf([] { runCommand({"sleep", "600"}, {.timeout = 20ms}); }), Errc::timedOut);
}

TEST(RunCommand, StopsWhenAsked) {
  std::stop_source source;
  source.request_stop();
  EXPECT_EQ(codeOf([&] { runCommand({"sleep", "600"}, {.stop = source.get_token()}); }), Errc::cancelled);
  std::stop_source later;
  const std::jthread stopper([&] { later.request_stop(); });
  EXPECT_EQ(codeOf([&] { runCommand({"sleep", "600"}, {.stop = later.get_token()}); }), Errc::cancelled);
}

TEST(RunCommand, DoesNotWaitForAGrandchildThatHoldsThePipe) {
  const auto start = std::chrono::steady_clock::now();
  const auto output = runCommand({"sh", "-c", "sleep 5 & echo done"});
  EXPECT_EQ(output.out, "done\n");
  EXPECT_LT(std::chrono::steady_clock::now() - start, 4s);
}

TEST(MustRun, ThrowsWithTheLastLineOfStderr) {
  EXPECT_EQ(mustRun({"echo", "x"}), "x\n");
  try {
    mustRun({"sh", "-c", "echo first >&2; printf 'last\\033\\n\\n' >&2; exit 3"});
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Errc::io);
    EXPECT_STREQ(error.what(), "sh failed (exit status 3): last?");
  }
}

TEST(FindProgram, LooksInPathAndSbin) {
  EXPECT_TRUE(findProgram("sh"));
  EXPECT_FALSE(findProgram("no-such-program-here"));
  EXPECT_FALSE(findProgram(""));
  EXPECT_EQ(findProgram("/bin/sh"), "/bin/sh");
  EXPECT_FALSE(findProgram("/no/such/program"));
}

}  // namespace
}  // namespace base
