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
#include <sys/un.h>

#include <cerrno>
#include <chrono>
#include <csignal>
#include <utility>

#include "base/atomic_file.h"
#include "base/error.h"
#include "base/json.h"
#include "base/strings.h"
#include "runner/detail/port_check.h"
#include "runner/router_program.h"

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

}  // namespace

CaddyProcess::CaddyProcess(std::filesystem::path folder, sandbox::HostPrograms& programs)
    : folder_(std::move(folder)), programs_(programs) {}

std::string CaddyProcess::socketPath(const base::Fd& folder) const {
  // The data folder's path may be longer than a socket's name can be.
  return "/proc/self/fd/" + std::to_string(folder.get()) + "/caddy/admin.sock";
}

std::optional<CaddyProcess::Process> CaddyProcess::findProcess() const {
  const base::Fd folder = base::openFile(folder_, O_PATH | O_DIRECTORY);
  Process process;
  process.pid = listenerOf(socketPath(folder));
  if (process.pid <= 0) return std::nullopt;
  process.pidFd = base::openPidFd(process.pid);
  // The number may have gone to another process before it was opened: who listens still, has it still.
  if (!process.pidFd.valid() || listenerOf(socketPath(folder)) != process.pid) return std::nullopt;
  return process;
}

bool CaddyProcess::isRunning() {
  if (process_.pidFd.valid() && !hasEnded(process_.pidFd, std::chrono::milliseconds(0))) return true;
  auto found = findProcess();
  process_ = found ? std::move(*found) : Process{};
  return process_.pidFd.valid();
}

base::Fd CaddyProcess::end() const {
  return base::Fd(process_.pidFd.valid() ? ::fcntl(process_.pidFd.get(), F_DUPFD_CLOEXEC, 0) : -1);
}

std::optional<std::string> CaddyProcess::start(const std::string& listen) {
  const base::Fd out = base::openFile(folder_ / "caddy.out", O_WRONLY | O_CREAT | O_TRUNC, 0640);
  process_ = programs_.start(kRouterProgram, out);
  if (!awaitListeners(listen)) {
    if (!hasEnded(process_.pidFd, std::chrono::milliseconds(0)))
      programs_.signal(kRouterProgram, process_.pid, SIGKILL);
    hasEnded(process_.pidFd, kStopTimeout);
    process_ = {};
    return lastWords();
  }
  base::writeFileAtomically(folder_ / "caddy.pid", std::to_string(process_.pid) + "\n");
  return std::nullopt;
}

bool CaddyProcess::awaitListeners(const std::string& listen) const {
  const auto deadline = std::chrono::steady_clock::now() + kStartTimeout;
  const base::Fd folder = base::openFile(folder_, O_PATH | O_DIRECTORY);
  while (listenerOf(socketPath(folder)) != process_.pid ||
         !acceptsConnections(listen, std::chrono::milliseconds(100))) {
    if (hasEnded(process_.pidFd, std::chrono::milliseconds(10)) ||
        std::chrono::steady_clock::now() > deadline)
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
    programs_.signal(kRouterProgram, process_.pid, SIGTERM);
    if (!hasEnded(process_.pidFd, kStopTimeout)) {
      programs_.signal(kRouterProgram, process_.pid, SIGKILL);
      hasEnded(process_.pidFd, kStopTimeout);
    }
  }
  process_ = {};
  std::error_code gone;
  std::filesystem::remove(folder_ / "caddy.pid", gone);
  std::filesystem::remove(folder_ / "caddy/admin.sock", gone);
}

}  // namespace runner::detail
