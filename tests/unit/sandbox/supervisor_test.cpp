// The supervisor as what it is: a process that somebody talks to who may be anybody.
#include "sandbox/supervisor.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <functional>
#include <future>
#include <random>
#include <sstream>
#include <thread>

#include "base/child_process.h"
#include "base/error.h"
#include "base/strings.h"
#include "sandbox/detail/frame_socket.h"
#include "sandbox/detail/process_ref.h"
#include "sandbox/detail/read_or_empty.h"
#include "sandbox/detail/supervisor_channel.h"
#include "sandbox/detail/supervisor_messages.h"
#include "sandbox/detail/supervisor_rights.h"
#include "tests/support/failure_of.h"
#include "tests/unit/sandbox/runtime_fixture.h"
#include "tests/unit/sandbox/supervisor_samples.h"

namespace sandbox_test {
namespace {

namespace fs = std::filesystem;
using base::Errc;
using base::Fd;
using sandbox::Answer;
using sandbox::Call;
using sandbox::ContainerSpec;
using sandbox::Failure;
using sandbox::Frame;
using sandbox::FrameKind;
using sandbox::FrameSocket;
using sandbox::IdsAnswer;
using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing_support::failureOf;

/// Waits for something that another process does.
bool eventually(const std::function<bool()>& condition) {
  for (int i = 0; i < 3000; ++i) {
    if (condition()) return true;
    std::this_thread::sleep_for(milliseconds(10));
  }
  return false;
}

/// A supervisor, and our bare end of its socket.
class RawSupervisor {
 public:
  explicit RawSupervisor(const sandbox::SupervisorSettings& settings)
      : ends_(sandbox::makeChannel()), child_(spawn(ends_.second)) {
    ends_.second.reset();
    sandbox::sendOnChannel(channel(), sandbox::encodeSettings(settings));
    const auto ready = sandbox::receiveFromChannel(channel());
    if (!ready) throw std::runtime_error("the supervisor has not started");
    std::get<sandbox::ReadyAnswer>(sandbox::decodeAnswer(ready->bytes));
  }
  ~RawSupervisor() {
    if (channel().valid()) sandbox::sendOnChannel(channel(), sandbox::kEnd);
    hangUp();
    child_.waitFor(seconds(60));
  }

  const Fd& channel() const { return ends_.first; }
  pid_t pid() const { return child_.pid(); }
  void hangUp() { ends_.first.reset(); }
  bool hasEnded(milliseconds within) { return child_.waitFor(within).has_value(); }
  FrameSocket connect() const {
    auto [ours, theirs] = sandbox::makeConnection();
    sandbox::sendOnChannel(channel(), sandbox::kConnect, &theirs);
    return FrameSocket(std::move(ours));
  }
  static Answer ask(FrameSocket& socket, const Call& call) {
    socket.send(FrameKind::call, sandbox::encodeCall(call));
    const auto frame = socket.receive();
    if (!frame) throw std::runtime_error("no answer");
    return sandbox::decodeAnswer(frame->bytes);
  }
  std::vector<std::string> list() const {
    FrameSocket socket = connect();
    return std::get<IdsAnswer>(ask(socket, sandbox::ListCall{})).ids;
  }
  std::size_t count(const char* what) const {
    const fs::path folder = fs::path("/proc") / std::to_string(pid()) / what;
    return static_cast<std::size_t>(std::distance(fs::directory_iterator(folder), fs::directory_iterator()));
  }

 private:
  static base::ChildProcess spawn(const Fd& theirs) {
    const Fd log(::fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 0));
    base::ChildSpec spec;
    spec.argv = {SUPERVISOR_PROGRAM};
    spec.fds = {{&theirs, 3}, {&log, 2}};
    return base::ChildProcess::spawn(spec);
  }

  std::pair<Fd, Fd> ends_;
  base::ChildProcess child_;
};

class SupervisorTest : public RuntimeTest {
 protected:
  static sandbox::SupervisorSettings quiet() {
    auto wanted = settings();
    wanted.logLevel = "error";
    return wanted;
  }
  /// Whatever was done to it: it serves, has made nothing, and holds no more than before.
  static void expectUnharmed(const RawSupervisor& supervisor, std::size_t fds, std::size_t threads) {
    EXPECT_THAT(supervisor.list(), IsEmpty());
    EXPECT_TRUE(eventually([&] { return supervisor.count("fd") <= fds; })) << supervisor.count("fd");
    EXPECT_TRUE(eventually([&] { return supervisor.count("task") <= threads; })) << supervisor.count("task");
    EXPECT_THAT(leftovers(config().folder), IsEmpty());
  }
  static std::string statusOf(pid_t pid) {
    return sandbox::readOrEmpty("/proc/" + std::to_string(pid) + "/status");
  }
  static unsigned long long maskOf(const std::string& status, const std::string& name) {
    const auto at = status.find(name + ":\t");
    return at == std::string::npos ? ~0ull : std::stoull(status.substr(at + name.size() + 2), nullptr, 16);
  }
};

TEST_F(SupervisorTest, HasNothingButItsSocketItsLogAndWhatItMade) {
  const RawSupervisor supervisor(quiet());
  const fs::path folder = fs::path("/proc") / std::to_string(supervisor.pid());
  const auto target = [&](const char* number) { return fs::read_symlink(folder / "fd" / number).string(); };
  EXPECT_EQ(target("0"), "/dev/null");
  EXPECT_EQ(target("1"), "/dev/null");
  EXPECT_THAT(target("3"), ::testing::StartsWith("socket:"));
  EXPECT_EQ(target("4"), fs::temp_directory_path()) << "the data folder";
  EXPECT_THAT(supervisor.list(), IsEmpty()) << "its first container is removed by then";
  EXPECT_TRUE(eventually([&] { return supervisor.count("fd") == 5; })) << supervisor.count("fd");
  EXPECT_EQ(sandbox::readOrEmpty(folder / "comm"), "fairlead-sup\n");
}

TEST_F(SupervisorTest, IsToldNothingOfTheDaemonsEnvironment) {
  ::setenv("FAIRLEAD_TEST_SECRET", "secret", 1);
  const auto runtime = anotherRuntime(quiet());
  ::unsetenv("FAIRLEAD_TEST_SECRET");
  const std::string environment =
      sandbox::readOrEmpty("/proc/" + std::to_string(runtime->pid()) + "/environ");
  EXPECT_THAT(environment, HasSubstr("PATH="));
  EXPECT_THAT(environment, ::testing::Not(HasSubstr("secret")));
}

TEST_F(SupervisorTest, HasGivenUpWhatItDoesNotNeed) {
  const RawSupervisor supervisor(quiet());
  const std::string status = statusOf(supervisor.pid());
  EXPECT_THAT(status, HasSubstr("NoNewPrivs:\t1\n"));
  for (const char* set : {"CapEff", "CapPrm", "CapBnd", "CapInh"})
    EXPECT_EQ(maskOf(status, set) & sandbox::givenUpCapabilities(), 0u) << set;
  EXPECT_NE(sandbox::givenUpCapabilities(), 0u);
}

TEST_F(SupervisorTest, CannotBeLookedInto) {
  const pid_t child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    sandbox::giveUpRights();
    ::_exit(::prctl(PR_GET_DUMPABLE) == 0 && ::prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1 ? 0 : 1);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
}

TEST_F(SupervisorTest, IsNotStartedByHand) {
  const auto output = base::runCommand({SUPERVISOR_PROGRAM});
  EXPECT_EQ(output.status.code, 2);
  EXPECT_THAT(output.err, HasSubstr("started by fairlead serve"));
}

TEST_F(SupervisorTest, AStartThatFailsIsToldInItsWords) {
  auto wrong = quiet();
  wrong.runtime.runtime = "no-such-runtime";
  const auto failure = failureOf([&] { anotherRuntime(wrong); });
  EXPECT_EQ(failure.code(), Errc::unavailable);
  EXPECT_THAT(failure.what(), HasSubstr("no-such-runtime: not installed"));
  wrong = quiet();
  wrong.dataFolder = folder_->path() / "nothing";
  EXPECT_EQ(failureOf([&] { anotherRuntime(wrong); }).code(), Errc::notFound);
}

TEST_F(SupervisorTest, SignalsForTheDaemonDoNotEndIt) {
  const RawSupervisor supervisor(quiet());
  for (const int number : {SIGTERM, SIGINT, SIGHUP, SIGPIPE})
    ::kill(supervisor.pid(), number);
  EXPECT_THAT(supervisor.list(), IsEmpty());
}

TEST_F(SupervisorTest, GarbageOnItsSocketEndsNothing) {
  const RawSupervisor supervisor(quiet());
  EXPECT_THAT(supervisor.list(), IsEmpty());
  const std::size_t fds = supervisor.count("fd");
  const std::size_t threads = supervisor.count("task");
  std::mt19937 random(7);
  const Fd file = base::openFile("/dev/null", O_RDWR);
  auto [readEnd, writeEnd] = base::makePipe();
  const Fd datagrams(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  const Fd network(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  for (int i = 0; i < 300; ++i) {
    std::string bytes(random() % 200, '\0');
    for (char& byte : bytes)
      byte = static_cast<char>(random());
    EXPECT_TRUE(sandbox::sendOnChannel(supervisor.channel(), bytes));
    for (const Fd* wrong : std::initializer_list<const Fd*>{&file, &writeEnd, &datagrams, &network}) {
      EXPECT_TRUE(sandbox::sendOnChannel(supervisor.channel(), bytes, wrong));
      EXPECT_TRUE(sandbox::sendOnChannel(supervisor.channel(), sandbox::kConnect, wrong));
      EXPECT_TRUE(sandbox::sendOnChannel(supervisor.channel(), sandbox::kEnd, wrong));
    }
    EXPECT_TRUE(sandbox::sendOnChannel(supervisor.channel(), sandbox::kConnect));
    EXPECT_TRUE(sandbox::sendOnChannel(supervisor.channel(), ""));
  }
  expectUnharmed(supervisor, fds, threads);
}

/// Sends it, closes at once or takes the answers first.
void say(const RawSupervisor& supervisor, std::string_view bytes, bool patient) {
  const FrameSocket socket = supervisor.connect();
  std::string_view rest = bytes;
  while (!rest.empty()) {
    const ssize_t count = ::send(socket.socket().get(), rest.data(), rest.size(), MSG_NOSIGNAL);
    if (count < 0) break;  // it has heard enough
    rest.remove_prefix(static_cast<std::size_t>(count));
  }
  if (!patient) return;
  ::shutdown(socket.socket().get(), SHUT_WR);
  std::array<char, 4096> buffer;
  while (::recv(socket.socket().get(), buffer.data(), buffer.size(), 0) > 0) {
  }
}

/// A frame as it goes over the wire.
std::string frameOf(std::string_view payload, FrameKind kind = FrameKind::call) {
  std::string frame;
  for (unsigned shift = 0; shift < 32; shift += 8)
    frame.push_back(static_cast<char>(payload.size() >> shift));
  frame.push_back(static_cast<char>(kind));
  return frame.append(payload);
}

TEST_F(SupervisorTest, GarbageOnAConnectionEndsNothing) {
  const RawSupervisor supervisor(quiet());
  EXPECT_THAT(supervisor.list(), IsEmpty());
  const std::size_t fds = supervisor.count("fd");
  const std::size_t threads = supervisor.count("task");
  std::mt19937 random(11);
  for (int i = 0; i < 200; ++i) {
    std::string bytes(random() % 300, '\0');
    for (char& byte : bytes)
      byte = static_cast<char>(random());
    say(supervisor, bytes, i % 2 == 0);
    say(supervisor, frameOf(bytes), i % 2 == 0);
  }
  say(supervisor, std::string("\xff\xff\xff\xff\1", 5), true);
  say(supervisor, std::string("\0\0\0\0\xff", 5), true);
  for (const FrameKind kind : {FrameKind::settings, FrameKind::answer, FrameKind::output})
    say(supervisor, frameOf("x", kind), true);
  expectUnharmed(supervisor, fds, threads);
}

TEST_F(SupervisorTest, SpoiltMessagesMakeNothing) {
  const RawSupervisor supervisor(quiet());
  EXPECT_THAT(supervisor.list(), IsEmpty());
  const std::size_t fds = supervisor.count("fd");
  const std::size_t threads = supervisor.count("task");
  std::mt19937 random(13);
  for (const Call& call : sampleCalls()) {
    const std::string frame = frameOf(sandbox::encodeCall(call));
    for (int i = 0; i < 60; ++i) {
      std::string spoilt = frame;
      for (int flips = 0; flips < 1 + i % 3; ++flips)
        spoilt[random() % spoilt.size()] ^= static_cast<char>(1 + random() % 255);
      say(supervisor, spoilt, i % 2 == 0);
      say(supervisor, frame.substr(0, random() % frame.size()), i % 3 == 0);
    }
    say(supervisor, frame, false);
    say(supervisor, frame + frame, true);
  }
  expectUnharmed(supervisor, fds, threads);
}

TEST_F(SupervisorTest, AMessageThatMakesNoSenseIsAnsweredAndTheNextOneServed) {
  const RawSupervisor supervisor(quiet());
  FrameSocket socket = supervisor.connect();
  socket.send(FrameKind::call, "nonsense");
  const auto frame = socket.receive();
  ASSERT_TRUE(frame);
  const Answer refused = sandbox::decodeAnswer(frame->bytes);
  ASSERT_TRUE(std::holds_alternative<Failure>(refused));
  EXPECT_EQ(std::get<Failure>(refused).code, Errc::invalidArgument);
  EXPECT_THAT(std::get<Failure>(refused).text, HasSubstr("is not valid"));
  EXPECT_TRUE(std::holds_alternative<IdsAnswer>(RawSupervisor::ask(socket, sandbox::ListCall{})));
}

TEST_F(SupervisorTest, DescriptorsThatNobodyAskedForAreClosed) {
  const RawSupervisor supervisor(quiet());
  FrameSocket socket = supervisor.connect();
  RawSupervisor::ask(socket, sandbox::ListCall{});
  const std::size_t fds = supervisor.count("fd");
  auto [readEnd, writeEnd] = base::makePipe();
  socket.send(FrameKind::call, sandbox::encodeCall(sandbox::ListCall{}), {writeEnd.get(), writeEnd.get()});
  ASSERT_TRUE(socket.receive());
  RawSupervisor::ask(socket, sandbox::ListCall{});
  EXPECT_EQ(supervisor.count("fd"), fds);
  // An exec that says that it has an input and brings none.
  const Answer answer = RawSupervisor::ask(
      socket, sandbox::ExecCall{.id = "x", .argv = {"ls"}, .environment = {}, .hasInput = true});
  ASSERT_TRUE(std::holds_alternative<Failure>(answer));
  EXPECT_THAT(std::get<Failure>(answer).text, HasSubstr("descriptors"));
}

TEST_F(SupervisorTest, ThousandsOfCallsLeaveNothing) {
  const RawSupervisor supervisor(quiet());
  EXPECT_THAT(supervisor.list(), IsEmpty());
  const std::size_t fds = supervisor.count("fd");
  const std::size_t threads = supervisor.count("task");
  {
    std::vector<std::jthread> callers;
    for (int caller = 0; caller < 4; ++caller)
      callers.emplace_back([&] {
        FrameSocket socket = supervisor.connect();
        for (int i = 0; i < 1000; ++i)
          RawSupervisor::ask(socket, sandbox::StatusCall{"nobody"});
        for (int i = 0; i < 200; ++i) {
          FrameSocket another = supervisor.connect();
          RawSupervisor::ask(another, sandbox::UsageCall{"nobody"});
        }
      });
  }
  expectUnharmed(supervisor, fds, threads);
}

TEST_F(SupervisorTest, BeyondItsLimitItRefusesAndSaysWhatToSet) {
  auto narrow = quiet();
  narrow.maxCalls = 3;
  const RawSupervisor supervisor(narrow);
  std::vector<FrameSocket> taken;
  for (int i = 0; i < 3; ++i) {
    taken.push_back(supervisor.connect());
    RawSupervisor::ask(taken.back(), sandbox::StatusCall{"nobody"});
  }
  FrameSocket refused = supervisor.connect();
  const Answer answer = RawSupervisor::ask(refused, sandbox::ListCall{});
  ASSERT_TRUE(std::holds_alternative<Failure>(answer));
  EXPECT_EQ(std::get<Failure>(answer).code, Errc::overloaded);
  EXPECT_THAT(std::get<Failure>(answer).text, HasSubstr("supervisor_max_calls"));
  EXPECT_FALSE(refused.receive());
  taken.clear();
  EXPECT_TRUE(eventually([&] {
    FrameSocket socket = supervisor.connect();
    return std::holds_alternative<IdsAnswer>(RawSupervisor::ask(socket, sandbox::ListCall{}));
  }));
}

TEST_F(SupervisorTest, ARefusalIsNotTakenForItsEnd) {
  auto narrow = quiet();
  narrow.maxCalls = 1;
  const auto runtime = anotherRuntime(narrow);
  StringSink sink;
  // The one connection is kept for the next call, so that the run has none.
  runtime->list();
  const auto failure = failureOf([&] { runtime->run(shell("true"), sink, {}); });
  EXPECT_EQ(failure.code(), Errc::overloaded);
  EXPECT_THAT(runtime->list(), IsEmpty());
}

/// Runs it on a connection and waits for its first output.
FrameSocket beginRun(const RawSupervisor& supervisor, const ContainerSpec& spec) {
  FrameSocket socket = supervisor.connect();
  socket.send(FrameKind::call,
              sandbox::encodeCall(sandbox::RunCall{spec, {seconds(600), seconds(0), milliseconds(10'000)}}));
  const auto frame = socket.receive();
  if (!frame || frame->kind != FrameKind::output) throw std::runtime_error("it has not begun");
  return socket;
}

TEST_F(SupervisorTest, ACommandThatNobodyWaitsForIsKilled) {
  const RawSupervisor supervisor(quiet());
  const auto before = std::chrono::steady_clock::now();
  {
    const FrameSocket socket =
        beginRun(supervisor, shell("trap '' TERM; echo ready; while :; do sleep 1; done"));
    EXPECT_EQ(supervisor.list().size(), 1u);
  }
  EXPECT_TRUE(eventually([&] { return supervisor.list().empty(); }));
  EXPECT_LT(std::chrono::steady_clock::now() - before, seconds(9))
      << "before its time to end in order is over";
}

TEST_F(SupervisorTest, ACommandWhoseOutputNobodyTakesIsKilledWhenTheyGo) {
  const RawSupervisor supervisor(quiet());
  { const FrameSocket socket = beginRun(supervisor, shell("while :; do echo much much much much; done")); }
  EXPECT_TRUE(eventually([&] { return supervisor.list().empty(); }));
}

TEST_F(SupervisorTest, OutputWaitsForWhoTakesIt) {
  const RawSupervisor supervisor(quiet());
  FrameSocket socket = beginRun(supervisor, shell("yes 0123456789abcde | head -c 5000000"));
  // Nothing is read for now: what it has said beyond the pipes and the socket is not anywhere.
  const auto memory = [&] {
    std::istringstream words(statusOf(supervisor.pid()));
    std::string word;
    while (words >> word && word != "VmRSS:") {
    }
    std::size_t kib = 0;
    words >> kib;
    return kib;
  };
  const std::size_t before = memory();
  std::size_t taken = 0;
  for (bool isOver = false; !isOver;) {
    const auto frame = socket.receive();
    ASSERT_TRUE(frame);
    isOver = frame->kind == FrameKind::answer;
    if (!isOver) taken += frame->bytes.size();
  }
  EXPECT_GT(taken, 4'900'000u);
  EXPECT_LT(memory(), before + 4096);
}

TEST_F(SupervisorTest, ItsDeathIsNoticedAndCallsSaySo) {
  std::promise<void> died;
  auto runtime = sandbox::startSupervisor({SUPERVISOR_PROGRAM}, quiet(),
                                          {.onDeath = [&] { died.set_value(); }, .beforeThreads = {}});
  const ContainerSpec lasting = shell("sleep 1000");
  runtime->start(lasting, folder_->path() / "log");
  StringSink sink;
  auto run = std::async(std::launch::async, [&] {
    return failureOf([&] { runtime->run(shell("echo ready; sleep 1000"), sink, {}); }).code();
  });
  EXPECT_TRUE(eventually([&] { return runtime->list().size() == 2; }));
  ::kill(runtime->pid(), SIGKILL);
  ASSERT_EQ(died.get_future().wait_for(seconds(30)), std::future_status::ready);
  EXPECT_EQ(run.get(), Errc::unavailable);
  const auto failure = failureOf([&] { runtime->list(); });
  EXPECT_EQ(failure.code(), Errc::unavailable);
  EXPECT_THAT(failure.what(), HasSubstr("the supervisor, which makes containers, has ended"));
  runtime.reset();
  // Containers outlive it, and the next one adopts them.
  const auto next = anotherRuntime(quiet());
  EXPECT_TRUE(next->status(lasting.id)->running);
}

TEST_F(SupervisorTest, AnOrderlyEndIsNoDeath) {
  bool died = false;
  auto runtime = sandbox::startSupervisor({SUPERVISOR_PROGRAM}, quiet(),
                                          {.onDeath = [&] { died = true; }, .beforeThreads = {}});
  const auto process = sandbox::ProcessRef::of(runtime->pid()).open();
  runtime.reset();
  EXPECT_TRUE(sandbox::waitForEnd(process, 0)) << "it is gone when the object is";
  EXPECT_FALSE(died);
}

TEST_F(SupervisorTest, EndsWithItsDaemonAndContainersGoOn) {
  RawSupervisor supervisor(quiet());
  const ContainerSpec lasting = shell("sleep 1000");
  FrameSocket socket = supervisor.connect();
  const Answer started = RawSupervisor::ask(socket, sandbox::StartCall{lasting, folder_->path() / "log"});
  ASSERT_TRUE(std::holds_alternative<sandbox::RunningContainer>(started));
  const FrameSocket running = beginRun(supervisor, shell("echo ready; sleep 1000"));
  supervisor.hangUp();  // as the kernel does for one that is killed
  EXPECT_TRUE(supervisor.hasEnded(seconds(30)));
  EXPECT_TRUE(runtime_->status(lasting.id)->running);
}

TEST_F(SupervisorTest, WhatAnUnknownDaemonAsksForIsHeldAgainstTheSettings) {
  fs::create_directories(folder_->path() / "data/layers");
  auto narrow = quiet();
  narrow.dataFolder = folder_->path() / "data";
  narrow.layerFolders = {"layers"};
  narrow.mountFolders = {"builds"};
  narrow.logFolders = {"logs"};
  const auto runtime = anotherRuntime(narrow);
  StringSink sink;
  ContainerSpec spec = shell("cat /mnt/shadow");
  spec.layers.clear();
  spec.mounts = {{"/etc", "/mnt", true}};
  auto failure = failureOf([&] { runtime->run(spec, sink, {}); });
  EXPECT_EQ(failure.code(), Errc::permissionDenied);
  EXPECT_THAT(failure.what(), HasSubstr("volume_folders"));
  spec.mounts.clear();
  failure = failureOf([&] { runtime->start(spec, "/etc/cron.d/job"); });
  EXPECT_EQ(failure.code(), Errc::permissionDenied);
  spec.layers = {"/"};
  failure = failureOf([&] { runtime->run(spec, sink, {}); });
  EXPECT_EQ(failure.code(), Errc::permissionDenied);
  EXPECT_THAT(runtime->list(), IsEmpty());
}

}  // namespace
}  // namespace sandbox_test
