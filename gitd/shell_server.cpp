#include "gitd/shell_server.h"

#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <thread>

#include "base/error.h"
#include "base/log.h"
#include "gitd/detail/session_threads.h"
#include "gitd/detail/shell_session.h"
#include "gitd/detail/thread.h"

namespace gitd {
namespace {

constexpr int kBacklog = 128;
constexpr mode_t kOwnerOnly = 0600;
// No file can be given away by who is not root: who connects is asked of the kernel (mayConnect()).
constexpr mode_t kAnybody = 0666;

base::Fd listenUnix(const std::filesystem::path& file, mode_t mode) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const std::string path = std::filesystem::absolute(file).string();
  if (path.size() >= sizeof address.sun_path)
    throw base::Error(base::Errc::unavailable,
                      "the path of git.sock is longer than 107 bytes: use a shorter --data");
  std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
  base::Fd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!socket.valid()) base::throwErrno(errno, "making a socket");
  ::unlink(path.c_str());  // a dead daemon's: the data folder is locked by us
  // Nobody can connect before listen(): the mode is right from the first moment.
  if (::bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 ||
      ::chmod(path.c_str(), mode) != 0 || ::listen(socket.get(), kBacklog) != 0) {
    base::throwErrno(errno, "listening on git.sock");
  }
  return socket;
}

}  // namespace

struct ShellServer::State {
  State(ShellServerConfig settings, const SshServerConfig& pushLimits, PushHandler& pushHandler,
        base::Metrics& all)
      : config(std::move(settings)),
        limits(pushLimits),
        metrics(all),
        shared{limits, pushHandler, metrics},
        listener(listenUnix(config.socketFile, config.user ? kAnybody : kOwnerOnly)),
        changed(base::makeEventFd()) {}

  void acceptLoop(const std::stop_token& stop);
  void acceptOne();
  bool mayConnect(const base::Fd& socket) const;

  const ShellServerConfig config;
  const SshServerConfig limits;
  const detail::SessionMetrics metrics;
  const detail::ShellShared shared;
  base::Fd listener;
  base::Fd changed;
  detail::SessionThreads<detail::ShellSession> sessions{"session", changed};
  std::jthread acceptor;
};

bool ShellServer::State::mayConnect(const base::Fd& socket) const {
  ucred peer{};
  socklen_t length = sizeof peer;
  if (::getsockopt(socket.get(), SOL_SOCKET, SO_PEERCRED, &peer, &length) != 0) return false;
  return peer.uid == 0 || peer.uid == ::geteuid() || (config.user && peer.uid == *config.user);
}

void ShellServer::State::acceptLoop(const std::stop_token& stop) {
  detail::beginThread("gitd-shell");
  const std::stop_callback wake(stop, [this] { base::signalEvent(changed); });
  while (!stop.stop_requested()) {
    sessions.reap();
    const bool open = sessions.size() < limits.maxConnections;
    pollfd fds[2] = {{changed.get(), POLLIN, 0}, {open ? listener.get() : -1, POLLIN, 0}};
    if (::poll(fds, 2, -1) < 0) continue;
    if (fds[0].revents != 0) base::drainEvent(changed);
    if (fds[1].revents != 0) acceptOne();
  }
}

void ShellServer::State::acceptOne() {
  base::Fd socket(::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
  if (!socket.valid()) {
    // The connection stays in the queue; without a pause this would spin until a descriptor is free.
    if (errno == EMFILE || errno == ENFILE) std::this_thread::sleep_for(std::chrono::milliseconds(100));
    return;
  }
  if (!mayConnect(socket)) {
    base::Log("gitd").warn("git.sock: refused a user that ssh_shell_user does not name");
    return;
  }
  sessions.start([&] { return std::make_unique<detail::ShellSession>(std::move(socket), shared); },
                 [](detail::ShellSession& session) { session.run(); });
}

ShellServer::ShellServer(ShellServerConfig config, const SshServerConfig& limits, PushHandler& handler,
                         base::Metrics& metrics)
    : state_(std::make_unique<State>(std::move(config), limits, handler, metrics)) {
  state_->acceptor =
      std::jthread([state = state_.get()](const std::stop_token& stop) { state->acceptLoop(stop); });
}

ShellServer::~ShellServer() {
  stop(std::chrono::milliseconds(0));
}

void ShellServer::stop(std::chrono::milliseconds grace) {
  if (!state_->acceptor.joinable()) return;
  state_->acceptor.request_stop();
  state_->acceptor.join();
  state_->listener.reset();
  ::unlink(state_->config.socketFile.c_str());
  state_->sessions.endAll(grace);
}

}  // namespace gitd
