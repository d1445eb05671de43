#include "sandbox/host_programs.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <thread>
#include <utility>

#include "base/error.h"

namespace sandbox {
namespace {

using base::Errc;
using base::Error;

constexpr auto kStopGrace = std::chrono::seconds(10);

/// The read end of a pipe that holds the whole text already.
base::Fd textPipe(std::string_view text) {
  if (text.size() > kHostProgramInputBytes)
    throw Error(Errc::invalidArgument,
                "the input of a program is longer than " + std::to_string(kHostProgramInputBytes) + " bytes");
  auto [readEnd, writeEnd] = base::makePipe();
  base::writeAll(writeEnd, text);
  return std::move(readEnd);
}

base::ChildProcess spawn(const HostProgram& program, const base::Fd& output, const base::Fd& log,
                         bool ownSession) {
  const base::Fd input = textPipe(program.input);
  return base::ChildProcess::spawn({.argv = program.argv,
                                    .environment = program.environment,
                                    .workingDirectory = program.workingDirectory,
                                    .fds = {{&input, 0}, {&output, 1}, {&log, 2}},
                                    .ownSession = ownSession});
}

class OwnPrograms : public HostPrograms {
 public:
  explicit OwnPrograms(HostProgramTable table) : table_(std::move(table)) {}

  Started start(const std::string& name, const base::Fd& output) override {
    base::ChildProcess child = spawn(table_(name), output, output, true);
    Started started{.pid = child.pid(), .pidFd = base::openPidFd(child.pid())};
    // Somebody has to hear of its end, so that nothing is left of it.
    std::thread([child = std::move(child)]() mutable { child.wait(); }).detach();
    return started;
  }

  void signal(const std::string& name, pid_t pid, int signalNumber) override {
    const base::Fd process = base::openPidFd(pid);
    if (!process.valid()) return;
    // Its folder in /proc is its user's. Looked at while the descriptor is held: of another process of that
    // number the signal below finds nothing.
    struct stat info {};
    const std::optional<uid_t> user = table_(name).user;
    if (::stat(("/proc/" + std::to_string(pid)).c_str(), &info) != 0) return;
    if ((signalNumber != SIGTERM && signalNumber != SIGKILL) || (user && info.st_uid != *user))
      throw Error(Errc::permissionDenied,
                  "process " + std::to_string(pid) + " is none of the " + name + "'s");
    if (::syscall(SYS_pidfd_send_signal, process.get(), signalNumber, nullptr, 0) != 0 && errno != ESRCH)
      base::throwErrno(errno, "ending a program");
  }

  base::ExitStatus run(const std::string& name, const base::Fd& output, const base::Fd& log,
                       std::stop_token stop) override {
    base::ChildProcess child = spawn(table_(name), output, log, false);
    const base::Fd stopped = base::makeEventFd();
    const std::stop_callback onStop(stop, [&] { base::signalEvent(stopped); });
    std::array<pollfd, 2> entries{{{child.pidFd().get(), POLLIN, 0}, {stopped.get(), POLLIN, 0}}};
    while (::poll(entries.data(), entries.size(), -1) < 0 && errno == EINTR) {
    }
    if (entries[0].revents == 0) {
      child.signalGroup(SIGTERM);
      if (!child.waitFor(kStopGrace)) child.signalGroup(SIGKILL);
    }
    return child.wait();
  }

  base::Fd openFile(const std::filesystem::path& path) override { return base::openFile(path, O_RDONLY); }

 private:
  const HostProgramTable table_;
};

}  // namespace

std::unique_ptr<HostPrograms> makeHostPrograms(HostProgramTable table) {
  return std::make_unique<OwnPrograms>(std::move(table));
}

}  // namespace sandbox
