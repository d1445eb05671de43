#include "tests/support/killer.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdio>
#include <filesystem>
#include <string>
#include <system_error>
#include <utility>

#include "base/error.h"

namespace testing_support {
namespace {

constexpr std::array<long, 22> kChanging = {
    SYS_write,     SYS_pwrite64,  SYS_writev,    SYS_rename,   SYS_renameat, SYS_renameat2,
    SYS_link,      SYS_linkat,    SYS_unlink,    SYS_unlinkat, SYS_mkdir,    SYS_mkdirat,
    SYS_rmdir,     SYS_fsync,     SYS_fdatasync, SYS_syncfs,   SYS_chmod,    SYS_fchmod,
    SYS_ftruncate, SYS_fallocate, SYS_symlink,   SYS_fchmodat};

bool changesDisk(const __ptrace_syscall_info& info) {
  const auto call = static_cast<long>(info.entry.nr);
  const auto* arguments = info.entry.args;
  // To a pipe or a terminal is not to the disk.
  if ((call == SYS_write || call == SYS_writev) && arguments[0] <= 2) return false;
  if (call == SYS_openat) return (arguments[2] & O_CREAT) != 0;
  return std::find(kChanging.begin(), kChanging.end(), call) != kChanging.end();
}

/// Follows the child's threads from stop to stop.
class Tracer {
 public:
  /// `errorNumber` 0: the step is the end.
  Tracer(pid_t child, int step, int errorNumber) : child_(child), left_(step), error_(errorNumber) {}

  /// The child's exit status, as in KillResult.
  int run() {
    int status = 0;
    if (::waitpid(child_, &status, 0) != child_) base::throwErrno(errno, "tracing");
    ::ptrace(PTRACE_SETOPTIONS, child_, 0, PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACECLONE | PTRACE_O_EXITKILL);
    ::ptrace(PTRACE_SYSCALL, child_, 0, 0);
    while (true) {
      const pid_t thread = ::waitpid(-1, &status, __WALL);
      if (thread < 0) base::throwErrno(errno, "tracing");
      if (WIFEXITED(status) || WIFSIGNALED(status)) {
        if (thread != child_) continue;
        return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
      }
      if (WIFSTOPPED(status)) stopped(thread, status);
    }
  }
  /// The call at the step, or empty.
  const std::string& call() const noexcept { return call_; }

 private:
  void stopped(pid_t thread, int status) {
    int signalNumber = 0;
    if (WSTOPSIG(status) == (SIGTRAP | 0x80)) {
      atSystemCall(thread);
    } else if (WSTOPSIG(status) != SIGTRAP && WSTOPSIG(status) != SIGSTOP) {
      signalNumber = WSTOPSIG(status);
    }
    if (killed_) return;
    ::ptrace(PTRACE_SYSCALL, thread, 0, signalNumber);
  }

  void atSystemCall(pid_t thread) {
    __ptrace_syscall_info info{};
    if (::ptrace(PTRACE_GET_SYSCALL_INFO, thread, sizeof info, &info) <= 0) return;
    if (info.op == PTRACE_SYSCALL_INFO_EXIT && thread == failing_) {
      answerWithError(thread);
      failing_ = 0;
    }
    if (info.op != PTRACE_SYSCALL_INFO_ENTRY || !changesDisk(info)) return;
    std::string call = describe(thread, info);
    if (call.find("pipe:") != std::string::npos || --left_ != 0) return;  // the sanitizers' own
    call_ = std::move(call);
    if (error_ == 0) {
      killed_ = true;
      ::kill(child_, SIGKILL);
    } else {
      failing_ = thread;
      skipCall(thread);
    }
  }

  /// Which call, and of those that take a descriptor the file.
  static std::string describe(pid_t thread, const __ptrace_syscall_info& info) {
    const auto call = static_cast<long>(info.entry.nr);
    const bool syncs = call == SYS_fsync || call == SYS_fdatasync;
    std::error_code none;
    const auto file = std::filesystem::read_symlink(
        "/proc/" + std::to_string(thread) + "/fd/" + std::to_string(info.entry.args[0]), none);
    return (syncs ? "fsync " : "change ") + file.string();
  }

#ifdef __x86_64__
  static void skipCall(pid_t thread) {
    ::ptrace(PTRACE_POKEUSER, thread, offsetof(user, regs.orig_rax), -1L);
  }
  void answerWithError(pid_t thread) const {
    ::ptrace(PTRACE_POKEUSER, thread, offsetof(user, regs.rax), -static_cast<long>(error_));
  }
#else
  static void skipCall(pid_t) {}
  void answerWithError(pid_t) const {}
#endif

  pid_t child_;
  int left_;
  int error_;
  pid_t failing_ = 0;  // is in the call that is to fail
  bool killed_ = false;
  std::string call_;
};

pid_t forkTraced(const std::function<int()>& body) {
  std::fflush(nullptr);  // else the child prints our buffer again
  const pid_t child = ::fork();
  if (child < 0) base::throwErrno(errno, "starting a child");
  if (child == 0) {
    if (::ptrace(PTRACE_TRACEME, 0, 0, 0) != 0) ::_exit(99);
    ::raise(SIGSTOP);
    ::_exit(body());
  }
  return child;
}

}  // namespace

KillResult runAndKill(int step, const std::function<int()>& body) {
  Tracer tracer(forkTraced(body), step, 0);
  const int exitStatus = tracer.run();
  return {!tracer.call().empty(), exitStatus};
}

FailResult runAndFail(int step, int errorNumber, const std::function<int()>& body) {
  Tracer tracer(forkTraced(body), step, errorNumber);
  const int exitStatus = tracer.run();
  return {tracer.call(), exitStatus};
}

bool canFail() {
#ifdef __x86_64__
  return canKill();
#else
  return false;
#endif
}

bool canKill() {
  return runAndKill(1, [] { return 7; }).exitStatus == 7;
}

}  // namespace testing_support
