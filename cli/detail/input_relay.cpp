#include "cli/detail/input_relay.h"

#include <poll.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <termios.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <memory>

#include "base/base64.h"
#include "base/error.h"
#include "cli/detail/connection.h"

namespace cli::detail {
namespace {

constexpr int kAliveMs = 15'000;

std::optional<base::TerminalSize> sizeOf(int fd) {
  winsize size{};
  if (::isatty(fd) != 1 || ::ioctl(fd, TIOCGWINSZ, &size) != 0) return std::nullopt;
  if (size.ws_col == 0 || size.ws_row == 0) return base::TerminalSize{};
  return base::TerminalSize{size.ws_col, size.ws_row};
}

/// For this thread and those that it starts.
sigset_t holdBack(int signal) {
  sigset_t set;
  ::sigemptyset(&set);
  ::sigaddset(&set, signal);
  ::pthread_sigmask(SIG_BLOCK, &set, nullptr);
  return set;
}

}  // namespace

std::optional<base::TerminalSize> terminalOf(const Surroundings& surroundings) {
  return surroundings.terminal ? sizeOf(surroundings.inputFd) : std::nullopt;
}

struct RawTerminal::State {
  int fd;
  termios before;
};

RawTerminal::RawTerminal(int fd) {
  termios before{};
  if (::tcgetattr(fd, &before) != 0) return;
  termios raw = before;
  ::cfmakeraw(&raw);
  if (::tcsetattr(fd, TCSADRAIN, &raw) == 0) state_ = std::make_unique<State>(State{fd, before});
}

RawTerminal::~RawTerminal() {
  if (state_) ::tcsetattr(state_->fd, TCSADRAIN, &state_->before);
}

InputRelay::InputRelay(const ServerAddress& server, const std::string& path, const Surroundings& surroundings)
    : input_(surroundings.inputFd), ended_(base::makeEventFd()) {
  const sigset_t resizes = holdBack(SIGWINCH);
  resized_ = base::Fd(::signalfd(-1, &resizes, SFD_CLOEXEC));
  thread_ = std::thread([this, server, path] {
    try {
      Connection::openUnwatched(server)->post(path, [this](base::ByteSink& out) { send(out); });
    } catch (const base::Error&) {  // the command's own answer tells how it ended
    }
  });
}

InputRelay::~InputRelay() {
  base::signalEvent(ended_);
  thread_.join();
}

void InputRelay::send(base::ByteSink& out) {
  std::array<char, 16 << 10> buffer;
  while (true) {
    pollfd fds[3] = {{ended_.get(), POLLIN, 0}, {resized_.get(), POLLIN, 0}, {input_, POLLIN, 0}};
    const int ready = ::poll(fds, 3, kAliveMs);
    if (ready < 0 && errno != EINTR) return;
    if (ready == 0) out.write("\n");  // else the server takes the silence for the end
    if (ready <= 0) continue;
    if (fds[0].revents != 0) return;
    if (fds[1].revents != 0) {
      signalfd_siginfo info{};
      [[maybe_unused]] const auto read = ::read(resized_.get(), &info, sizeof info);
      if (const auto size = sizeOf(input_))
        out.write("{\"columns\":" + std::to_string(size->columns) +
                  ",\"rows\":" + std::to_string(size->rows) + "}\n");
    }
    if (fds[2].revents == 0) continue;
    const auto count = ::read(input_, buffer.data(), buffer.size());
    if (count < 0 && (errno == EINTR || errno == EAGAIN)) continue;
    if (count <= 0) return;
    out.write("{\"data\":\"" + base::toBase64({buffer.data(), static_cast<std::size_t>(count)}) + "\"}\n");
  }
}

}  // namespace cli::detail
