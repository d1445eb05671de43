#include "base/child_process.h"

#include <fcntl.h>
#include <linux/close_range.h>
#include <poll.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>
#include <cstdlib>
#include <utility>

#include "base/error.h"
#include "base/strings.h"

namespace base {
namespace {

/// What the child tells through its close-on-exec pipe when it fails before exec.
struct SpawnFailure {
  enum class Step : std::int32_t { session, folder, descriptors, exec };
  Step step;
  std::int32_t errorNumber;
};

/// Everything the child needs, made before the fork: after it only async-signal-safe calls are allowed.
struct Prepared {
  std::string program;
  std::vector<char*> argv;
  std::vector<char*> environment;
  std::vector<std::pair<int, int>> fds;  // source in the parent, target in the child
  int firstFree = 3;                     // above every target
  const char* workingDirectory = nullptr;
  bool ownSession = false;
};

std::vector<char*> pointersTo(const std::vector<std::string>& words) {
  std::vector<char*> pointers;
  pointers.reserve(words.size() + 1);
  for (const auto& word : words)
    pointers.push_back(const_cast<char*>(word.c_str()));
  pointers.push_back(nullptr);
  return pointers;
}

std::vector<char*> inheritedEnvironment() {
  std::vector<char*> pointers;
  for (char** variable = ::environ; variable != nullptr && *variable != nullptr; ++variable) {
    pointers.push_back(*variable);
  }
  pointers.push_back(nullptr);
  return pointers;
}

Prepared prepare(const ChildSpec& spec, const Fd& devNull) {
  CHECK(!spec.argv.empty());
  Prepared ready;
  const auto program = findProgram(spec.argv.front());
  // A relative path is left to exec: it counts from the working directory.
  if (!program && spec.argv.front().find('/') == std::string::npos) {
    throw Error(Errc::notFound, printable(spec.argv.front()) + ": program not found");
  }
  ready.program = program.value_or(spec.argv.front());
  ready.argv = pointersTo(spec.argv);
  ready.environment = spec.environment ? pointersTo(*spec.environment) : inheritedEnvironment();
  for (int target = 0; target < 3; ++target) {
    const bool named = std::any_of(spec.fds.begin(), spec.fds.end(),
                                   [target](const ChildFd& fd) { return fd.target == target; });
    if (!named) ready.fds.emplace_back(devNull.get(), target);
  }
  for (const auto& fd : spec.fds) {
    CHECK(fd.source != nullptr && fd.source->valid() && fd.target >= 0);
    ready.fds.emplace_back(fd.source->get(), fd.target);
    ready.firstFree = std::max(ready.firstFree, fd.target + 1);
  }
  if (!spec.workingDirectory.empty()) ready.workingDirectory = spec.workingDirectory.c_str();
  ready.ownSession = spec.ownSession;
  return ready;
}

// In the child, between fork and exec: bare system calls, because what wraps them (a sanitizer, say) may want
// a lock that another thread held at the fork.

[[noreturn]] void report(int pipe, SpawnFailure::Step step) {
  const SpawnFailure failure{step, errno};
  ::syscall(SYS_write, pipe, &failure, sizeof failure);
  ::_exit(127);
}

int duplicateAbove(int source, int lowest) {
  return static_cast<int>(::syscall(SYS_fcntl, source, F_DUPFD_CLOEXEC, lowest));
}

/// Sources move above all targets first, so that no target overwrites one that is still needed.
bool arrangeDescriptors(Prepared& ready) {
  for (auto& [source, target] : ready.fds) {
    source = duplicateAbove(source, ready.firstFree);
    if (source < 0) return false;
  }
  for (int number = 0; number < ready.firstFree; ++number)
    ::syscall(SYS_close, number);
  for (const auto& [source, target] : ready.fds) {
    if (::syscall(SYS_dup3, source, target, 0) < 0) return false;
  }
  // Libraries open descriptors without O_CLOEXEC (Poco's sockets): none may reach the child.
  const auto first = static_cast<unsigned>(ready.firstFree);
  if (::syscall(SYS_close_range, first, ~0U, CLOSE_RANGE_CLOEXEC) != 0) {
    constexpr int kLikelyLast = 4096;  // before Linux 5.11
    for (int number = ready.firstFree; number < kLikelyLast; ++number) {
      ::syscall(SYS_fcntl, number, F_SETFD, FD_CLOEXEC);
    }
  }
  return true;
}

void resetSignals() {
  // All zeros are SIG_DFL without flags, and an empty set, in the kernel's own structures.
  static constexpr std::array<unsigned long, 8> kZeros{};
  constexpr std::size_t kKernelSetBytes = 8;
  for (int number = 1; number < NSIG; ++number) {
    ::syscall(SYS_rt_sigaction, number, kZeros.data(), nullptr, kKernelSetBytes);
  }
  ::syscall(SYS_rt_sigprocmask, SIG_SETMASK, kZeros.data(), nullptr, kKernelSetBytes);
}

[[noreturn]] void runChild(Prepared& ready, int errorPipe) {
  const int pipe = duplicateAbove(errorPipe, ready.firstFree);
  if (pipe < 0) report(errorPipe, SpawnFailure::Step::descriptors);
  const long grouped = ready.ownSession ? ::syscall(SYS_setsid) : ::syscall(SYS_setpgid, 0, 0);
  if (grouped < 0) report(pipe, SpawnFailure::Step::session);
  if (!arrangeDescriptors(ready)) report(pipe, SpawnFailure::Step::descriptors);
  if (ready.workingDirectory != nullptr && ::syscall(SYS_chdir, ready.workingDirectory) != 0) {
    report(pipe, SpawnFailure::Step::folder);
  }
  resetSignals();
  ::syscall(SYS_execve, ready.program.c_str(), ready.argv.data(), ready.environment.data());
  report(pipe, SpawnFailure::Step::exec);
}

// Back in the parent.

/// Blocks all signals for the fork, so that none of our handlers runs in the child.
class SignalsBlocked {
 public:
  SignalsBlocked() {
    sigset_t all;
    ::sigfillset(&all);
    ::pthread_sigmask(SIG_SETMASK, &all, &before_);
  }
  ~SignalsBlocked() { ::pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
  SignalsBlocked(const SignalsBlocked&) = delete;
  SignalsBlocked& operator=(const SignalsBlocked&) = delete;

 private:
  sigset_t before_{};
};

[[noreturn]] void throwFailure(const SpawnFailure& failure, const std::string& program) {
  const std::string shown = printable(std::filesystem::path(program).filename().string());
  switch (failure.step) {
    case SpawnFailure::Step::session:
      throwErrno(failure.errorNumber, "starting " + shown + ": making its process group");
    case SpawnFailure::Step::folder:
      throwErrno(failure.errorNumber, "starting " + shown + ": entering its working directory");
    case SpawnFailure::Step::descriptors:
      throwErrno(failure.errorNumber, "starting " + shown + ": passing its files");
    case SpawnFailure::Step::exec:
      break;
  }
  throwErrno(failure.errorNumber, "starting " + shown);
}

void reap(pid_t pid) noexcept {
  while (::waitpid(pid, nullptr, 0) < 0 && errno == EINTR) {
  }
}

ExitStatus toExitStatus(int status) {
  if (WIFSIGNALED(status)) return {.code = 0, .signal = WTERMSIG(status)};
  return {.code = WEXITSTATUS(status), .signal = 0};
}

/// Waits until fd is readable, up to the timeout.
void waitReadable(const Fd& fd, std::chrono::milliseconds timeout) {
  constexpr auto kLongest = std::chrono::hours(24 * 365);  // more would overflow the clock
  const auto deadline =
      std::chrono::steady_clock::now() + std::min<std::chrono::milliseconds>(timeout, kLongest);
  for (;;) {
    pollfd entry{.fd = fd.get(), .events = POLLIN, .revents = 0};
    const auto left =
        std::chrono::ceil<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
    constexpr std::int64_t kMaxStep = 3'600'000;  // poll takes an int
    const int step = static_cast<int>(std::clamp<std::int64_t>(left.count(), 0, kMaxStep));
    const int ready = ::poll(&entry, 1, step);
    if (ready > 0) return;
    if (ready < 0 && errno != EINTR) throwErrno(errno, "waiting for a process");
    if (std::chrono::steady_clock::now() >= deadline) return;
  }
}

}  // namespace

std::string ExitStatus::describe() const {
  if (signal != 0) return "killed by signal " + std::to_string(signal);
  return "exit status " + std::to_string(code);
}

ChildProcess ChildProcess::spawn(const ChildSpec& spec) {
  const Fd devNull = openFile("/dev/null", O_RDWR);
  Prepared ready = prepare(spec, devNull);
  auto [errorRead, errorWrite] = makePipe();
  pid_t pid;
  {
    const SignalsBlocked blocked;
    pid = ::fork();
    if (pid == 0) runChild(ready, errorWrite.get());
  }
  if (pid < 0) throwErrno(errno, "starting " + spec.argv.front());
  errorWrite.reset();
  SpawnFailure failure{};
  if (readSome(errorRead, reinterpret_cast<char*>(&failure), sizeof failure) != 0) {
    reap(pid);
    throwFailure(failure, spec.argv.front());
  }
  // The child is not reaped, so the number is still its own.
  Fd pidFd = openPidFd(pid);
  const int reason = errno;
  ChildProcess child(pid, std::move(pidFd));
  if (!child.pidFd_.valid()) throwErrno(reason, "watching a process");
  return child;
}

Fd openPidFd(pid_t pid) noexcept {
  return Fd(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
}

ChildProcess::ChildProcess(ChildProcess&& other) noexcept
    : pid_(std::exchange(other.pid_, -1)),
      pidFd_(std::move(other.pidFd_)),
      status_(std::exchange(other.status_, std::nullopt)) {}

ChildProcess& ChildProcess::operator=(ChildProcess&& other) noexcept {
  ChildProcess moved(std::move(other));
  std::swap(pid_, moved.pid_);
  std::swap(pidFd_, moved.pidFd_);
  std::swap(status_, moved.status_);
  return *this;
}

ChildProcess::~ChildProcess() {
  if (pid_ < 0) return;
  signalGroup(SIGKILL);
  reap(pid_);
}

std::optional<ExitStatus> ChildProcess::tryWait() {
  if (status_) return status_;
  CHECK(pid_ > 0);
  int status = 0;
  pid_t ended;
  do {
    ended = ::waitpid(pid_, &status, WNOHANG);
  } while (ended < 0 && errno == EINTR);
  if (ended < 0) {
    const int reason = errno;
    pid_ = -1;
    throwErrno(reason, "waiting for a process");
  }
  if (ended == 0) return std::nullopt;
  pid_ = -1;
  status_ = toExitStatus(status);
  return status_;
}

ExitStatus ChildProcess::wait() {
  for (;;) {
    if (const auto status = tryWait()) return *status;
    waitReadable(pidFd_, std::chrono::hours(1));
  }
}

std::optional<ExitStatus> ChildProcess::waitFor(std::chrono::milliseconds timeout) {
  if (const auto status = tryWait()) return status;
  waitReadable(pidFd_, timeout);
  return tryWait();
}

void ChildProcess::signalGroup(int signalNumber) noexcept {
  if (pid_ > 0) ::kill(-pid_, signalNumber);
}

void ChildProcess::release() noexcept {
  pid_ = -1;
  pidFd_.reset();
}

std::optional<std::string> findProgram(const std::string& name) {
  if (name.find('/') != std::string::npos) {
    if (::access(name.c_str(), X_OK) == 0) return name;
    return std::nullopt;
  }
  const char* path = std::getenv("PATH");
  // Runtimes and network tools live in the sbin folders, which a service's or a user's PATH often lacks.
  const std::string folders = std::string(path == nullptr ? "/usr/local/bin:/usr/bin:/bin" : path) +
                              ":/usr/local/sbin:/usr/sbin:/sbin";
  if (name.empty()) return std::nullopt;
  for (const auto& folder : split(folders, ':')) {
    if (folder.empty()) continue;  // "here" in old shells: never what a daemon means
    std::string candidate = folder;
    candidate.append("/").append(name);
    if (std::error_code ignored; std::filesystem::is_directory(candidate, ignored)) continue;
    if (::access(candidate.c_str(), X_OK) == 0) return candidate;
  }
  return std::nullopt;
}

}  // namespace base
