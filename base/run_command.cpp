// runCommand and mustRun of base/child_process.h.
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>

#include "base/child_process.h"
#include "base/error.h"
#include "base/strings.h"

namespace base {
namespace {

using SteadyTime = std::chrono::steady_clock::time_point;

/// A child's child may hold the pipes long after: it gets this long to finish its last lines.
constexpr auto kLinger = std::chrono::seconds(1);

/// A timeout beyond this is none; more would overflow the clock.
constexpr auto kLongest = std::chrono::hours(24 * 365);

std::string shownName(const std::vector<std::string>& argv) {
  return printable(std::filesystem::path(argv.front()).filename().string());
}

/// The input as a file in memory: unlike a pipe it needs no writing while the command runs, and cannot break.
Fd asFile(std::string_view input) {
  if (input.empty()) return openFile("/dev/null", O_RDONLY);
  constexpr unsigned kNoExecSeal = 8;  // MFD_NOEXEC_SEAL, Linux 6.3; some hosts insist on it
  Fd file(::memfd_create("stdin", MFD_CLOEXEC | kNoExecSeal));
  if (!file.valid() && errno == EINVAL) file = Fd(::memfd_create("stdin", MFD_CLOEXEC));
  if (!file.valid()) throwErrno(errno, "passing input to a command");
  writeAll(file, input);
  if (::lseek(file.get(), 0, SEEK_SET) != 0) throwErrno(errno, "passing input to a command");
  return file;
}

/// One of the command's output streams.
struct Stream {
  Fd pipe;
  std::string& text;
  std::size_t maxBytes;

  /// Reads what is there; closes the pipe at its end.
  void drain() {
    std::array<char, 16384> buffer{};
    const std::size_t count = readSome(pipe, buffer.data(), buffer.size());
    if (count == 0) return pipe.reset();
    text.append(buffer.data(), std::min(count, maxBytes - text.size()));
  }
};

/// Waits for the child and its output. One use.
class Collector {
 public:
  Collector(ChildProcess& child, const CommandOptions& options, std::array<Stream, 2> streams)
      : child_(child), options_(options), streams_(std::move(streams)), stopEvent_(makeEventFd()) {}

  /// The command's end; throws timedOut or cancelled.
  ExitStatus run(const std::string& name) {
    const std::stop_callback onStop(options_.stop, [this] { signalEvent(stopEvent_); });
    const auto timeout = std::min<std::chrono::milliseconds>(options_.timeout, kLongest);
    SteadyTime deadline = std::chrono::steady_clock::now() + timeout;
    while (!ended_) {
      if (std::chrono::steady_clock::now() >= deadline)
        fail(Errc::timedOut, name + " did not finish in time");
      pollOnce(deadline);
      if (!ended_ && options_.stop.stop_requested()) fail(Errc::cancelled, name + " was cancelled");
    }
    deadline = std::chrono::steady_clock::now() + kLinger;
    while ((streams_[0].pipe.valid() || streams_[1].pipe.valid()) &&
           std::chrono::steady_clock::now() < deadline) {
      pollOnce(deadline);
    }
    return child_.wait();
  }

 private:
  [[noreturn]] void fail(Errc code, std::string message) {
    child_.signalGroup(SIGKILL);
    child_.wait();
    throw Error(code, std::move(message));
  }

  void pollOnce(SteadyTime deadline) {
    // poll skips entries with a negative descriptor.
    std::array<pollfd, 4> entries = {{{streams_[0].pipe.get(), POLLIN, 0},
                                      {streams_[1].pipe.get(), POLLIN, 0},
                                      {ended_ ? -1 : child_.pidFd().get(), POLLIN, 0},
                                      {ended_ ? -1 : stopEvent_.get(), POLLIN, 0}}};
    constexpr std::int64_t kMaxStepMs = 60'000;
    const auto left = deadline - std::chrono::steady_clock::now();
    const auto ms = std::chrono::ceil<std::chrono::milliseconds>(left).count();
    const int step = static_cast<int>(std::clamp<std::int64_t>(ms, 0, kMaxStepMs));
    if (::poll(entries.data(), entries.size(), step) < 0) {
      if (errno == EINTR) return;
      throwErrno(errno, "waiting for a command");
    }
    if (entries[0].revents != 0) streams_[0].drain();
    if (entries[1].revents != 0) streams_[1].drain();
    if (entries[2].revents != 0) ended_ = true;
  }

  ChildProcess& child_;
  const CommandOptions& options_;
  std::array<Stream, 2> streams_;
  Fd stopEvent_;
  bool ended_ = false;
};

std::string lastLine(std::string_view text) {
  text = trim(text);
  const auto start = text.rfind('\n');
  constexpr std::size_t kMaxShown = 300;
  return printable(trim(start == std::string_view::npos ? text : text.substr(start + 1)), kMaxShown);
}

}  // namespace

CommandOutput runCommand(const std::vector<std::string>& argv, const CommandOptions& options) {
  CHECK(!argv.empty());
  const Fd input = asFile(options.input);
  auto [outRead, outWrite] = makePipe();
  auto [errRead, errWrite] = makePipe();
  ChildProcess child = ChildProcess::spawn({.argv = argv,
                                            .environment = options.environment,
                                            .workingDirectory = options.workingDirectory,
                                            .fds = {{&input, 0}, {&outWrite, 1}, {&errWrite, 2}}});
  outWrite.reset();
  errWrite.reset();
  CommandOutput output;
  Collector collector(child, options,
                      {Stream{std::move(outRead), output.out, options.maxOutputBytes},
                       Stream{std::move(errRead), output.err, options.maxOutputBytes}});
  output.status = collector.run(shownName(argv));
  return output;
}

std::string mustRun(const std::vector<std::string>& argv, const CommandOptions& options) {
  CommandOutput output = runCommand(argv, options);
  if (!output.status.ok()) {
    const std::string reason = lastLine(output.err);
    throw Error(Errc::io, shownName(argv) + " failed (" + output.status.describe() + ")" +
                              (reason.empty() ? "" : ": " + reason));
  }
  return std::move(output.out);
}

}  // namespace base
