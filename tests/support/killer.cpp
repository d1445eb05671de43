#include "tests/support/killer.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>

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
  Tracer(pid_t child, int step) : child_(child), left_(step) {}

  KillResult run() {
    int status = 0;
    if (::waitpid(child_, &status, 0) != child_) base::throwErrno(errno, "tracing");
    ::ptrace(PTRACE_SETOPTIONS, child_, 0, PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACECLONE | PTRACE_O_EXITKILL);
    ::ptrace(PTRACE_SYSCALL, child_, 0, 0);
    while (true) {
      const pid_t thread = ::waitpid(-1, &status, __WALL);
      if (thread < 0) base::throwErrno(errno, "tracing");
      if (WIFEXITED(status) || WIFSIGNALED(status)) {
        if (thread != child_) continue;
        return {killed_, WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status)};
      }
      if (WIFSTOPPED(status)) stopped(thread, status);
    }
  }

 private:
  void stopped(pid_t thread, int status) {
    int signalNumber = 0;
    if (WSTOPSIG(status) == (SIGTRAP | 0x80)) {
      if (isTheStep(thread)) {
        killed_ = true;
        ::kill(child_, SIGKILL);
        return;
      }
    } else if (WSTOPSIG(status) != SIGTRAP && WSTOPSIG(status) != SIGSTOP) {
      signalNumber = WSTOPSIG(status);
    }
    ::ptrace(PTRACE_SYSCALL, thread, 0, signalNumber);
  }

  bool isTheStep(pid_t thread) {
    __ptrace_syscall_info info{};
    if (::ptrace(PTRACE_GET_SYSCALL_INFO, thread, sizeof info, &info) <= 0) return false;
    return info.op == PTRACE_SYSCALL_INFO_ENTRY && changesDisk(info) && --left_ == 0;
  }

  pid_t child_;
  int left_;
  bool killed_ = false;
};

}  // namespace

KillResult runAndKill(int step, const std::function<int()>& body) {
  std::fflush(nullptr);  // else the child prints our buffer again
  const pid_t child = ::fork();
  if (child < 0) base::throwErrno(errno, "starting a child");
  if (child == 0) {
    if (::ptrace(PTRACE_TRACEME, 0, 0, 0) != 0) ::_exit(99);
    ::raise(SIGSTOP);
    ::_exit(body());
  }
  return Tracer(child, step).run();
}

bool canKill() {
  return runAndKill(1, [] { return 7; }).exitStatus == 7;
}

}  // namespace testing_support
