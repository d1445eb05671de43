#include "runner/detail/caddy_process.h"

#include <Poco/Exception.h>
#include <Poco/Net/HTTPClientSession.h>
#include <Poco/Net/HTTPRequest.h>
#include <Poco/Net/HTTPResponse.h>
#include <Poco/Net/StreamSocket.h>
#include <Poco/StreamCopier.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <thread>
#include <utility>

#include "base/atomic_file.h"
#include "base/error.h"
#include "base/json.h"
#include "base/strings.h"
#include "runner/detail/port_check.h"

namespace runner::detail {
namespace {

using base::Errc;
using base::Error;

constexpr std::chrono::seconds kStartTimeout{15};
constexpr std::chrono::seconds kStopTimeout{8};
constexpr std::size_t kMaxAnswer = 64u << 10;

bool hasEnded(const base::Fd& pidFd, std::chrono::milliseconds timeout) {
  pollfd watched{pidFd.get(), POLLIN, 0};
  return ::poll(&watched, 1, static_cast<int>(timeout.count())) > 0;
}

/// The pid of the process that made the listening socket at `path`, 0 when none listens.
pid_t listenerOf(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) return 0;
  path.copy(address.sun_path, path.size());
  const base::Fd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) return 0;
  ucred peer{};
  socklen_t length = sizeof peer;
  return ::getsockopt(fd.get(), SOL_SOCKET, SO_PEERCRED, &peer, &length) == 0 ? peer.pid : 0;
}

/// By a path that leads through no other folder: Caddy may not be let through those above.
std::vector<std::string> environment() {
  const char* path = std::getenv("PATH");
  const std::string home = "/proc/self/cwd";
  return {"PATH=" + std::string(path == nullptr ? "/usr/local/bin:/usr/bin:/bin" : path),
          "HOME=" + home + "/caddy", "XDG_DATA_HOME=" + home, "XDG_CONFIG_HOME=" + home};
}

}  // namespace

CaddyProcess::CaddyProcess(std::filesystem::path folder, std::string program,
                           std::vector<std::string> launcher)
    : folder_(std::move(folder)), program_(std::move(program)), launcher_(std::move(launcher)) {}

CaddyProcess::~CaddyProcess() {
  if (child_) child_->release();
}

std::string CaddyProcess::socketPath(const base::Fd& folder) const {
  // The data folder's path may be longer than a socket's name can be.
  return "/proc/self/fd/" + std::to_string(folder.get()) + "/caddy/admin.sock";
}

std::optional<CaddyProcess::Peer> CaddyProcess::findPeer() const {
  const base::Fd folder = base::openFile(folder_, O_PATH | O_DIRECTORY);
  Peer peer;
  peer.pid = listenerOf(socketPath(folder));
  if (peer.pid <= 0) return std::nullopt;
  peer.pidFd = base::openPidFd(peer.pid);
  if (!peer.pidFd.valid()) return std::nullopt;
  // The socket is in our own folder, so this only guards against a pid that was given to another process
  // meanwhile.
  std::error_code gone;
  const std::string exe =
      std::filesystem::read_symlink("/proc/" + std::to_string(peer.pid) + "/exe", gone).filename().string();
  if (gone || !exe.starts_with(std::filesystem::path(program_).filename().string())) return std::nullopt;
  return peer;
}

bool CaddyProcess::isRunning() {
  if (child_) {
    if (!child_->tryWait()) return true;
    child_.reset();
  }
  if (adopted_.pidFd.valid() && !hasEnded(adopted_.pidFd, std::chrono::milliseconds(0))) return true;
  auto peer = findPeer();
  adopted_ = peer ? std::move(*peer) : Peer{};
  return adopted_.pidFd.valid();
}

std::optional<std::string> CaddyProcess::start(const std::string& listen) {
  if (!base::findProgram(program_))
    throw Error(Errc::unavailable,
                "the router \"" + program_ + "\" is not installed: install the package caddy");
  const base::Fd out = base::openFile(folder_ / "caddy.out", O_WRONLY | O_CREAT | O_TRUNC, 0640);
  base::ChildSpec spec;
  spec.argv = launcher_;
  for (const std::string& word :
       {program_, std::string("run"), std::string("--config"), std::string("caddy.json")})
    spec.argv.push_back(word);
  spec.environment = environment();
  spec.workingDirectory = folder_.string();
  spec.fds = {{&out, 1}, {&out, 2}};
  spec.ownSession = true;
  child_ = base::ChildProcess::spawn(spec);
  if (!awaitListeners(listen)) {
    child_.reset();
    return lastWords();
  }
  base::writeFileAtomically(folder_ / "caddy.pid", std::to_string(child_->pid()) + "\n");
  return std::nullopt;
}

bool CaddyProcess::awaitListeners(const std::string& listen) {
  const auto deadline = std::chrono::steady_clock::now() + kStartTimeout;
  const base::Fd folder = base::openFile(folder_, O_PATH | O_DIRECTORY);
  while (listenerOf(socketPath(folder)) != child_->pid() ||
         !acceptsConnections(listen, std::chrono::milliseconds(100))) {
    if (child_->waitFor(std::chrono::milliseconds(10)) || std::chrono::steady_clock::now() > deadline)
      return false;
  }
  return true;
}

std::string CaddyProcess::lastWords() const {
  const std::string text = base::readFile(folder_ / "caddy.out");
  const std::vector<std::string> lines = base::split(base::trim(text), '\n');
  return base::printable(lines.back(), 400);
}

void CaddyProcess::load(const std::string& config) {
  const base::Fd folder = base::openFile(folder_, O_PATH | O_DIRECTORY);
  std::string problem;
  try {
    Poco::Net::StreamSocket socket;
    socket.connect(Poco::Net::SocketAddress(Poco::Net::SocketAddress::UNIX_LOCAL, socketPath(folder)));
    Poco::Net::HTTPClientSession session(socket);
    session.setTimeout(Poco::Timespan(15, 0));
    Poco::Net::HTTPRequest request(Poco::Net::HTTPRequest::HTTP_POST, "/load",
                                   Poco::Net::HTTPMessage::HTTP_1_1);
    request.setHost("fairlead");
    request.setContentType("application/json");
    request.setContentLength(static_cast<std::streamsize>(config.size()));
    session.sendRequest(request) << config;
    Poco::Net::HTTPResponse response;
    std::istream& body = session.receiveResponse(response);
    if (response.getStatus() == Poco::Net::HTTPResponse::HTTP_OK) return;
    problem.resize(kMaxAnswer);
    body.read(problem.data(), static_cast<std::streamsize>(problem.size()));
    problem.resize(static_cast<std::size_t>(body.gcount()));
  } catch (const Poco::Exception& exception) {
    problem = exception.displayText();
  }
  throw Error(Errc::unavailable,
              "the router refused its configuration: " + base::printable(base::trim(problem), 400));
}

void CaddyProcess::stop() {
  if (isRunning()) {
    if (child_) {
      child_->signalGroup(SIGTERM);
      if (!child_->waitFor(kStopTimeout)) child_->signalGroup(SIGKILL);
      child_->wait();
      child_.reset();
    } else {
      ::syscall(SYS_pidfd_send_signal, adopted_.pidFd.get(), SIGTERM, nullptr, 0);
      if (!hasEnded(adopted_.pidFd, kStopTimeout)) {
        ::syscall(SYS_pidfd_send_signal, adopted_.pidFd.get(), SIGKILL, nullptr, 0);
        hasEnded(adopted_.pidFd, kStopTimeout);
      }
      adopted_ = {};
    }
  }
  std::error_code gone;
  std::filesystem::remove(folder_ / "caddy.pid", gone);
  std::filesystem::remove(folder_ / "caddy/admin.sock", gone);
}

}  // namespace runner::detail
