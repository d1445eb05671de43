#include "sandbox/detail/process_ref.h"

#include <poll.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>

#include "base/child_process.h"
#include "base/error.h"
#include "base/strings.h"
#include "sandbox/detail/read_or_empty.h"

namespace sandbox {
namespace {

const std::string& thisBoot() {
  static const std::string id(base::trim(readOrEmpty("/proc/sys/kernel/random/boot_id")));
  return id;
}

// 0 when there is no such process, or only its zombie. (proc_pid_stat(5): the name, field 2, may hold spaces
// and brackets.)
std::uint64_t startTicksOf(pid_t pid) {
  const std::string text = readOrEmpty("/proc/" + std::to_string(pid) + "/stat");
  const auto bracket = text.rfind(')');
  if (bracket == std::string::npos) return 0;
  const auto fields =
      base::split(std::string_view(text).substr(bracket + 2), ' ');  // from field 3, the state
  constexpr std::size_t kStart = 22 - 3;
  std::uint64_t ticks = 0;
  if (fields.size() <= kStart || fields[0] == "Z" || fields[0] == "X" ||
      !base::parseNumber(fields[kStart], ticks))
    return 0;
  return ticks;
}

}  // namespace

ProcessRef ProcessRef::of(pid_t pid) {
  if (pid <= 0) return {};
  const std::uint64_t ticks = startTicksOf(pid);
  return ticks == 0 ? ProcessRef{} : ProcessRef{pid, ticks, thisBoot()};
}

bool ProcessRef::alive() const {
  return pid > 0 && bootId == thisBoot() && startTicksOf(pid) == startTicks;
}

base::Fd ProcessRef::open() const {
  if (pid <= 0) return base::Fd();
  base::Fd fd = base::openPidFd(pid);
  if (!fd.valid() && errno != ESRCH) base::throwErrno(errno, "watching a container's process");
  // Asked after opening: from here on the descriptor cannot come to mean another process.
  return alive() ? std::move(fd) : base::Fd();
}

std::string commandLineOf(const ProcessRef& process) {
  return process.alive() ? readOrEmpty("/proc/" + std::to_string(process.pid) + "/cmdline") : "";
}

ProcessRef processOfFile(const std::filesystem::path& pidFile) {
  std::uint64_t pid = 0;
  if (!base::parseNumber(base::trim(readOrEmpty(pidFile)), pid)) return {};
  const ProcessRef process = ProcessRef::of(static_cast<pid_t>(pid));
  return commandLineOf(process).find(pidFile.string()) == std::string::npos ? ProcessRef{} : process;
}

void signalProcess(const base::Fd& pidFd, int signalNumber) noexcept {
  if (pidFd.valid()) ::syscall(SYS_pidfd_send_signal, pidFd.get(), signalNumber, nullptr, 0);
}

bool waitForEnd(const base::Fd& pidFd, int timeoutMs) {
  if (!pidFd.valid()) return true;
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::milliseconds(timeoutMs);
  for (;;) {
    const auto left =
        std::chrono::ceil<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now()).count();
    pollfd entry{pidFd.get(), POLLIN, 0};
    const int count = ::poll(&entry, 1, left > 0 ? static_cast<int>(left) : 0);
    if (count > 0) return true;
    if (count == 0 && left <= 0) return false;
    if (count < 0 && errno != EINTR) base::throwErrno(errno, "waiting for a container's process");
  }
}

}  // namespace sandbox
