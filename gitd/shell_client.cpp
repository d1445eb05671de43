#include "gitd/shell_client.h"

#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <optional>

#include "base/error.h"
#include "base/fd.h"
#include "gitd/detail/shell_protocol.h"
#include "gitd/detail/thread.h"

namespace gitd {
namespace {

using detail::ShellCall;
using detail::ShellFrame;

constexpr std::size_t kPiece = 64u << 10;
// A pipe that can be written to has room for this much: more could block, with the other direction waiting.
constexpr std::size_t kPipePiece = 4096;

/// Who may not connect is cut off without a word.
base::Error noAnswer() {
  return {base::Errc::unavailable,
          "the server gave no answer: does its setting ssh_shell_user name this account?"};
}

base::Fd connectTo(const std::filesystem::path& file) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const std::string path = file.string();
  if (path.size() >= sizeof address.sun_path)
    throw base::Error(base::Errc::invalidArgument,
                      "the path of git.sock is longer than 107 bytes: use a shorter --data");
  std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
  base::Fd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!socket.valid()) base::throwErrno(errno, "making a socket");
  if (::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    throw base::Error(
        base::Errc::unavailable,
        std::string("the server does not answer (") + std::strerror(errno) +
            "): is fairlead serve running, and does its setting ssh_shell_user name this account?");
  }
  return socket;
}

/// The daemon's side of a session, to the end of it.
class Relay {
 public:
  Relay(base::Fd socket, std::string call) : socket_(std::move(socket)), toDaemon_(std::move(call)) {}

  int run() {
    while (!status_ || !toClient_.empty()) {
      pollfd fds[3] = {{inputEnded_ || !toDaemon_.empty() ? -1 : STDIN_FILENO, POLLIN, 0},
                       {socket_.get(), socketEvents(), 0},
                       // Without events: tells when nobody reads it any more.
                       {target(), static_cast<short>(toClient_.empty() ? 0 : POLLOUT), 0}};
      if (::poll(fds, 3, -1) < 0 && errno != EINTR) base::throwErrno(errno, "waiting for the client");
      if ((fds[2].revents & (POLLERR | POLLHUP | POLLNVAL)) != 0) return 1;
      if (fds[2].revents != 0 && !writeClient()) return 1;
      if (fds[0].revents != 0) readClient();
      if ((fds[1].revents & POLLOUT) != 0) writeDaemon();
      if ((fds[1].revents & (POLLIN | POLLHUP)) != 0 && toClient_.empty() && !status_) readDaemon();
    }
    return *status_;
  }

 private:
  short socketEvents() const {
    return static_cast<short>((toClient_.empty() ? POLLIN : 0) | (toDaemon_.empty() ? 0 : POLLOUT));
  }
  int target() const { return toStderr_ && !toClient_.empty() ? STDERR_FILENO : STDOUT_FILENO; }

  void readClient() {
    std::array<char, kPiece> buffer;
    const ssize_t count = ::read(STDIN_FILENO, buffer.data(), buffer.size());
    if (count > 0) {
      toDaemon_.assign(buffer.data(), static_cast<std::size_t>(count));
    } else if (count == 0 || errno != EINTR) {
      inputEnded_ = true;
      ::shutdown(socket_.get(), SHUT_WR);
    }
  }

  void writeDaemon() {
    const ssize_t count =
        ::send(socket_.get(), toDaemon_.data(), toDaemon_.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (count > 0) toDaemon_.erase(0, static_cast<std::size_t>(count));
    if (count < 0 && errno != EAGAIN && errno != EINTR)
      toDaemon_.clear();  // its last words are still to be read
  }

  void readDaemon() {
    std::array<char, kPiece> buffer;
    const ssize_t count = ::recv(socket_.get(), buffer.data(), buffer.size(), MSG_DONTWAIT);
    if (count < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (count <= 0 && !heard_) throw noAnswer();
    if (count <= 0)
      throw base::Error(base::Errc::unavailable,
                        "the server has ended the session: is it restarting? Try again");
    heard_ = true;
    frames_.append({buffer.data(), static_cast<std::size_t>(count)});
    takeFrame();
  }

  void takeFrame() {
    while (toClient_.empty() && !status_) {
      auto frame = frames_.next();
      if (!frame) return;
      if (frame->kind == ShellFrame::exit) {
        status_ = frame->bytes.empty() ? 1 : static_cast<unsigned char>(frame->bytes[0]);
      } else {
        toStderr_ = frame->kind == ShellFrame::err;
        toClient_ = std::move(frame->bytes);
      }
    }
  }

  /// False when nobody reads it.
  bool writeClient() {
    ssize_t count = ::send(target(), toClient_.data(), toClient_.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (count < 0 && errno == ENOTSOCK)
      count = ::write(target(), toClient_.data(), std::min(toClient_.size(), kPipePiece));
    if (count < 0) return errno == EAGAIN || errno == EINTR;
    toClient_.erase(0, static_cast<std::size_t>(count));
    takeFrame();
    return true;
  }

  base::Fd socket_;
  detail::ShellFrames frames_;
  std::string toDaemon_;
  std::string toClient_;
  bool toStderr_ = false;
  bool inputEnded_ = false;
  bool heard_ = false;  // anything of the daemon
  std::optional<int> status_;
};

}  // namespace

int relayShell(const std::filesystem::path& socketFile, const ShellRequest& request) {
  detail::blockPipeSignals();
  const ShellCall call{ShellCall::Want::serve, request.fingerprint, request.commandLine, request.gitProtocol,
                       request.peer};
  return Relay(connectTo(socketFile), detail::encodeCall(call)).run();
}

bool isKeyKnown(const std::filesystem::path& socketFile, const std::string& fingerprint) {
  const base::Fd socket = connectTo(socketFile);
  const std::string call = detail::encodeCall({ShellCall::Want::identify, fingerprint, "", "", ""});
  // It fits into the socket's buffer; whether it was taken is seen by the answer.
  ::send(socket.get(), call.data(), call.size(), MSG_NOSIGNAL);
  detail::ShellFrames frames;
  std::array<char, 256> buffer{};
  while (true) {
    const ssize_t count = ::recv(socket.get(), buffer.data(), buffer.size(), 0);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) throw noAnswer();
    frames.append({buffer.data(), static_cast<std::size_t>(count)});
    if (const auto frame = frames.next())
      return frame->kind == ShellFrame::exit && frame->bytes == std::string(1, '\0');
  }
}

}  // namespace gitd
