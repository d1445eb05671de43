#include "runner/detail/terminal_link.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>

#include "base/error.h"

namespace runner::detail {
namespace {

constexpr std::size_t kChunk = 32u << 10;

/// The top of a thread: a client that has gone is no error, and nobody else hears of one.
template <typename Body>
void untilGone(std::stop_source& stop, const Body& body) noexcept {
  try {
    body();
  } catch (const std::exception&) {
    stop.request_stop();
  }
}

/// All of it, however slowly the program reads; false when `ended` comes first.
bool writeWhile(const base::Fd& fd, std::string_view bytes, const base::Fd& ended) {
  while (!bytes.empty()) {
    const ssize_t count = ::write(fd.get(), bytes.data(), bytes.size());
    if (count >= 0) {
      bytes.remove_prefix(static_cast<std::size_t>(count));
      continue;
    }
    if (errno == EINTR) continue;
    if (errno != EAGAIN) base::throwErrno(errno, "writing to a terminal");
    pollfd fds[2] = {{fd.get(), POLLOUT, 0}, {ended.get(), POLLIN, 0}};
    ::poll(fds, 2, -1);
    if (fds[1].revents != 0) return false;
  }
  return true;
}

}  // namespace

TerminalLink::TerminalLink(base::Interaction& client, sandbox::ForeignTrees& trees, sandbox::TreeOwner owner,
                           std::stop_source& stop)
    : client_(client),
      stop_(stop),
      terminal_(client.terminal().value_or(base::TerminalSize{})),
      ended_(base::makeEventFd()) {
  trees.giveTerminal(terminal_.terminal(), owner);
  client_.begin([this](base::TerminalSize size) { terminal_.resize(size); });
  screen_ = std::jthread([this] { untilGone(stop_, [this] { passScreen(); }); });
  keys_ = std::jthread([this] { untilGone(stop_, [this] { passKeys(); }); });
}

TerminalLink::~TerminalLink() {
  base::signalEvent(ended_);
  screen_.join();
  client_.endInput();
  keys_.join();
}

void TerminalLink::passScreen() {
  std::array<char, kChunk> buffer;
  const base::Fd& screen = terminal_.keyboardAndScreen();
  for (bool over = false;;) {
    const ssize_t count = ::read(screen.get(), buffer.data(), buffer.size());
    if (count > 0) {
      client_.output().write({buffer.data(), static_cast<std::size_t>(count)});
      continue;
    }
    if (count < 0 && errno == EINTR) continue;
    if (over || count == 0 || errno != EAGAIN) return;
    pollfd fds[2] = {{screen.get(), POLLIN, 0}, {ended_.get(), POLLIN, 0}};
    ::poll(fds, 2, -1);
    over = fds[1].revents != 0;
  }
}

void TerminalLink::passKeys() {
  std::array<char, kChunk> buffer;
  while (const std::size_t count = client_.read(buffer.data(), buffer.size()))
    if (!writeWhile(terminal_.keyboardAndScreen(), {buffer.data(), count}, ended_)) return;
}

InputPipe::InputPipe(base::Interaction& client, std::filesystem::path path)
    : client_(client), path_(std::move(path)) {
  constexpr mode_t kOpenToAll = 0666;  // but for the umask
  if (::mkfifo(path_.c_str(), kOpenToAll) != 0 || ::chmod(path_.c_str(), kOpenToAll) != 0)
    base::throwErrno(errno, "making the input of a process");
  thread_ = std::jthread([this] {
    std::stop_source nobody;
    untilGone(nobody, [this] { pass(); });
  });
}

InputPipe::~InputPipe() {
  over_ = true;
  client_.endInput();
  {
    // Lets the thread go on that waits for a reader, or for one to read.
    const base::Fd reader(::open(path_.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
    thread_.join();
  }
  ::unlink(path_.c_str());
}

void InputPipe::pass() {
  const base::Fd writer = base::openFile(path_, O_WRONLY);
  std::array<char, kChunk> buffer;
  while (!over_) {
    const std::size_t count = client_.read(buffer.data(), buffer.size());
    if (count == 0) return;
    std::string_view bytes{buffer.data(), count};
    while (!bytes.empty() && !over_) {
      pollfd entry{writer.get(), POLLOUT, 0};
      constexpr int kLookMs = 200;
      if (::poll(&entry, 1, kLookMs) <= 0) continue;
      if ((entry.revents & POLLERR) != 0) return;  // nobody reads any more
      const ssize_t written =
          ::write(writer.get(), bytes.data(), std::min<std::size_t>(bytes.size(), PIPE_BUF));
      if (written < 0 && errno != EINTR && errno != EAGAIN) return;
      if (written > 0) bytes.remove_prefix(static_cast<std::size_t>(written));
    }
  }
}

}  // namespace runner::detail
