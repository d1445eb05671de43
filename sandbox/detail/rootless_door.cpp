#include "sandbox/detail/rootless_door.h"

#include <fcntl.h>
#include <linux/nsfs.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <utility>

#include "base/child_process.h"
#include "base/error.h"
#include "base/log.h"
#include "base/strings.h"
#include "sandbox/detail/process_ref.h"
#include "sandbox/detail/read_or_empty.h"
#include "sandbox/detail/supervisor_messages.h"

namespace sandbox {
namespace {

using base::Errc;
using base::Error;
namespace fs = std::filesystem;

constexpr int kEndWaitMs = 5'000;
constexpr int kLookEveryMs = 2'000;  // whether somebody is left
constexpr int kLookSoonMs = 50;      // just after a server's end
constexpr int kSoonLooks = 40;
constexpr int kClientWaitS = 10;
constexpr const char* kProgram = "pasta";

/// The line that says why; the others are about what it goes on with.
std::string reasonIn(const std::string& text) {
  std::string reason;
  for (const std::string& line : base::split(text, '\n')) {
    if (line.starts_with("Failed to bind")) return line;
    if (!base::trim(line).empty() && !line.starts_with("Failed to send")) reason = line;
  }
  return reason;
}

struct NamespaceId {
  dev_t device = 0;
  ino_t number = 0;
  bool operator==(const NamespaceId&) const = default;
};

std::optional<NamespaceId> idOf(const base::Fd& fd) {
  struct stat info {};
  if (!fd.valid() || ::fstat(fd.get(), &info) != 0) return std::nullopt;
  return NamespaceId{info.st_dev, info.st_ino};
}

}  // namespace

std::string forwardingOf(const std::string& address) {
  const auto colon = std::min(address.rfind(':'), address.size());
  std::string host = address.substr(0, colon);
  const std::string port = address.substr(std::min(colon + 1, address.size()));
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  const bool isAny = host.empty() || host == "*" || host == "0.0.0.0" || host == "::";
  return isAny ? port : host + "/" + port;
}

void OutsideNetwork::forward(const OwnNamespaces& namespaces, const std::vector<std::string>& addresses) {
  if (!waitForEnd(process_, 0) && addresses == addresses_) return;
  end();
  std::vector<std::string> command{kProgram, "--config-net", "--no-map-gw", "-T",  "none",
                                   "-U",     "none",         "-u",          "none"};
  for (const std::string& address : addresses)
    command.insert(command.end(), {"-t", forwardingOf(address)});
  if (addresses.empty()) command.insert(command.end(), {"-t", "none"});
  command.insert(command.end(), {"--pid", files_.networkPid(), "--log-file", files_.networkLog(),
                                 std::to_string(namespaces.pid())});
  // It goes to the background when it is ready.
  const auto output = base::runCommand(command);
  const ProcessRef started = processOfFile(files_.networkPid());
  if (!output.status.ok() || started.pid == 0) {
    const std::string reason = reasonIn(output.err + "\n" + readOrEmpty(files_.networkLog()));
    throw Error(Errc::unavailable,
                "pasta, which is the network of a server without root, does not start: " +
                    base::printable(reason.empty() ? output.status.describe() : reason, 300));
  }
  process_ = started.open();
  pid_ = started.pid;
  addresses_ = addresses;
}

void OutsideNetwork::end() noexcept {
  addresses_.clear();
  pid_ = 0;
  if (!process_.valid()) return;
  signalProcess(process_, SIGKILL);
  try {
    waitForEnd(process_, kEndWaitMs);
  } catch (const Error&) {  // it is gone, or the next one says that its ports are taken
  }
  process_.reset();
}

void OutsideNetwork::endLeft(const DoorFiles& files) {
  const base::Fd process = processOfFile(files.networkPid()).open();
  signalProcess(process, SIGKILL);
  waitForEnd(process, kEndWaitMs);
}

bool isInhabited(const base::Fd& userNamespace, const std::vector<pid_t>& known) {
  const auto wanted = idOf(userNamespace);
  std::error_code gone;
  for (fs::directory_iterator entry("/proc", gone), end; !gone && entry != end; entry.increment(gone)) {
    std::uint64_t pid = 0;
    if (!base::parseNumber(entry->path().filename().string(), pid) ||
        std::find(known.begin(), known.end(), static_cast<pid_t>(pid)) != known.end())
      continue;
    base::Fd space(::open((entry->path() / "ns/user").c_str(), O_RDONLY | O_CLOEXEC));
    while (space.valid() && idOf(space) != wanted)
      space = base::Fd(::ioctl(space.get(), NS_GET_PARENT));  // EPERM above the one that we are in
    if (space.valid()) return true;
  }
  return false;
}

std::string DoorRequest::text() const {
  return word + (addresses.empty() ? "" : "\n" + base::join(addresses, "\n"));
}

DoorRequest DoorRequest::parse(const std::string& text) {
  auto lines = base::split(text, '\n');
  DoorRequest request{.word = lines.empty() ? "" : lines.front(), .addresses = {}};
  if (lines.size() > 1) request.addresses.assign(lines.begin() + 1, lines.end());
  return request;
}

Door::Door(base::Fd listener, DoorFiles files, std::string nameServers)
    : listener_(std::move(listener)), nameServers_(std::move(nameServers)), network_(std::move(files)) {}

void Door::answer(FrameSocket& socket) {
  const auto frame = socket.receive();
  if (!frame) return;
  if (!namespaces_) namespaces_.emplace(nameServers_);
  const DoorRequest request = DoorRequest::parse(frame->bytes);
  if (request.word == "list") {
    socket.send(FrameKind::output, base::join(network_.forwarded(), "\n"));
    return;
  }
  if (request.word != "forward") throw Error(Errc::invalidArgument, "the door knows no such word");
  ucred peer{};
  socklen_t size = sizeof peer;
  if (::getsockopt(socket.socket().get(), SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0)
    base::throwErrno(errno, "asking who comes to the door");
  network_.forward(*namespaces_, request.addresses);
  wanted_ = request.addresses;
  server_ = base::openPidFd(peer.pid);
  socket.send(FrameKind::output, "", {namespaces_->user().get()});
  socket.send(FrameKind::output, "", {namespaces_->mount().get(), namespaces_->network().get()});
}

/// Killed, or fallen: what runs in the namespaces has to be reached. What keeps it from coming back is tried
/// again.
void Door::restoreNetwork() {
  network_.end();
  try {
    network_.forward(*namespaces_, *wanted_);
    hasFailed_ = false;
    base::Log("rootless").warn("pasta had ended, and was started again");
  } catch (const Error& failure) {
    if (!std::exchange(hasFailed_, true))
      base::Log("rootless").error("the server cannot be reached", {{"reason", failure.what()}});
  }
}

void Door::serve() {
  int soon = 0;
  while (true) {
    std::array<pollfd, 3> entries{
        {{listener_.get(), POLLIN, 0}, {network_.process().get(), POLLIN, 0}, {server_.get(), POLLIN, 0}}};
    const bool isDown = wanted_ && !network_.process().valid();
    int waitMs = server_.valid() && !isDown ? -1 : kLookEveryMs;
    if (!server_.valid() && soon > 0) waitMs = kLookSoonMs;
    const int count = ::poll(entries.data(), entries.size(), waitMs);
    if (count < 0 && errno != EINTR) base::throwErrno(errno, "waiting at the door");
    if (count == 0 && !server_.valid() &&
        (!namespaces_ || !isInhabited(namespaces_->user(), {namespaces_->pid(), network_.pid()})))
      break;
    if (count == 0 && soon > 0) --soon;
    if (entries[2].revents != 0) {
      server_.reset();
      soon = kSoonLooks;
    }
    if (entries[1].revents != 0 || (isDown && count == 0)) restoreNetwork();
    if (entries[0].revents == 0) continue;
    base::Fd connection(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
    if (!connection.valid()) continue;
    const timeval patience{kClientWaitS, 0};
    ::setsockopt(connection.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    FrameSocket socket(std::move(connection));
    try {
      answer(socket);
    } catch (const std::exception& failure) {
      const auto* error = dynamic_cast<const Error*>(&failure);
      socket.send(FrameKind::answer,
                  encodeAnswer(Failure{error != nullptr ? error->code() : Errc::io, failure.what()}));
    }
  }
  network_.end();
}

}  // namespace sandbox
