#include "sandbox/rootless.h"

#include <fcntl.h>
#include <grp.h>
#include <sched.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <iostream>
#include <set>
#include <utility>

#include "base/child_process.h"
#include "base/error.h"
#include "base/log.h"
#include "base/overlay_xattr.h"
#include "base/strings.h"
#include "sandbox/detail/container_files.h"
#include "sandbox/detail/rootless_door.h"
#include "sandbox/detail/supervisor_client.h"
#include "sandbox/detail/supervisor_messages.h"

namespace sandbox {
namespace {

using base::Errc;
using base::Error;
namespace fs = std::filesystem;

constexpr int kListener = 3;

void requirePrograms() {
  for (const auto& [program, package] :
       {std::pair{"newuidmap", "uidmap"}, std::pair{"getsubids", "uidmap"}, std::pair{"pasta", "passt"}})
    if (!base::findProgram(program))
      throw Error(Errc::unavailable, std::string(program) +
                                         ", which a server without root needs, is missing: "
                                         "install the package " +
                                         package);
  constexpr const char* kTunnel = "/dev/net/tun";
  if (::access(kTunnel, R_OK | W_OK) != 0)
    throw Error(Errc::unavailable, std::string(kTunnel) +
                                       " cannot be used by this user, and a server without root needs it for "
                                       "its network: as root, modprobe tun && chmod 666 " +
                                       kTunnel);
}

/// A socket's name is short; a folder's may be long.
sockaddr_un nameIn(const base::Fd& folder) {
  sockaddr_un name{};
  name.sun_family = AF_UNIX;
  std::snprintf(name.sun_path, sizeof name.sun_path, "/proc/self/fd/%d/door.sock", folder.get());
  return name;
}

base::Fd makeSocket() {
  base::Fd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!socket.valid()) base::throwErrno(errno, "making a socket");
  return socket;
}

/// Invalid when no door is there.
base::Fd connectTo(const fs::path& folder) {
  const base::Fd held = base::openFile(folder, O_PATH | O_DIRECTORY);
  const sockaddr_un name = nameIn(held);
  base::Fd socket = makeSocket();
  if (::connect(socket.get(), reinterpret_cast<const sockaddr*>(&name), sizeof name) == 0) return socket;
  if (errno != ENOENT && errno != ECONNREFUSED)
    base::throwErrno(errno, "going to the door of the namespaces");
  return base::Fd();
}

base::Fd listenIn(const fs::path& folder) {
  const base::Fd held = base::openFile(folder, O_PATH | O_DIRECTORY);
  const sockaddr_un name = nameIn(held);
  base::Fd socket = makeSocket();
  ::unlink(name.sun_path);
  if (::bind(socket.get(), reinterpret_cast<const sockaddr*>(&name), sizeof name) != 0 ||
      ::chmod(name.sun_path, 0600) != 0 || ::listen(socket.get(), SOMAXCONN) != 0)
    base::throwErrno(errno, "making the door of the namespaces");
  return socket;
}

std::string linkAt(const std::string& path) {
  std::error_code unreadable;
  return fs::read_symlink(path, unreadable).string();
}

/// Whatever runs for a server in namespaces whose door has gone can be reached by nobody, but its pids and
/// addresses would be taken for those of the next server.
void endStranded(const RootlessSettings& settings) {
  std::set<std::string> spaces;
  std::error_code missing;
  for (const auto& entry : fs::directory_iterator(settings.containers, missing)) {
    const auto state = ContainerState::load(ContainerFiles{entry.path(), {}}.state());
    if (!state) continue;
    if (state->monitor.alive())
      spaces.insert(linkAt("/proc/" + std::to_string(state->monitor.pid) + "/ns/user"));
    signalProcess(state->init.open(), SIGKILL);
  }
  spaces.erase("");
  spaces.erase(linkAt("/proc/self/ns/user"));
  for (const auto& entry : fs::directory_iterator("/proc", missing)) {
    std::uint64_t pid = 0;
    if (!base::parseNumber(entry.path().filename().string(), pid)) continue;
    const std::string process = entry.path().string();
    const bool isRouter = linkAt(process + "/cwd") == settings.router.string();
    if (isRouter || spaces.contains(linkAt(process + "/ns/user")))
      signalProcess(ProcessRef::of(static_cast<pid_t>(pid)).open(), SIGKILL);
  }
}

Frame answerOf(FrameSocket& socket) {
  auto frame = socket.receive();
  if (!frame) throw Error(Errc::unavailable, "the door of the namespaces was killed: start the server again");
  if (frame->kind == FrameKind::answer) answerOrThrow(decodeAnswer(frame->bytes));
  return std::move(*frame);
}

Frame ask(FrameSocket& socket, const DoorRequest& request) {
  socket.send(FrameKind::call, request.text());
  return answerOf(socket);
}

void startDoor(const RootlessSettings& settings) {
  const base::Fd listener = listenIn(settings.folder);
  const base::Fd log(::fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 0));
  base::ChildSpec spec{.argv = settings.doorCommand, .fds = {{&listener, kListener}}};
  spec.argv.insert(spec.argv.end(), {settings.nameServers, settings.logLevel});
  if (log.valid()) spec.fds.push_back({&log, STDERR_FILENO});
  spec.workingDirectory = settings.folder.string();
  spec.ownSession = true;
  base::ChildProcess::spawn(spec).release();
}

void enter(const base::Fd& space, int kind, const char* which) {
  if (::setns(space.get(), kind) != 0) base::throwErrno(errno, std::string("entering the ") + which);
}

}  // namespace

std::optional<uid_t> rootlessUser() {
  const auto mapping = base::firstUserMapping();
  if (!mapping || mapping->first != 0 || mapping->outside == 0 || mapping->count != 1) return std::nullopt;
  return mapping->outside;
}

fs::path rootlessMountFolder() {
  for (const fs::path folder : {"/run/lock", "/media"}) {
    std::error_code missing;
    if (fs::is_directory(fs::symlink_status(folder, missing))) return folder;
  }
  return "/mnt";
}

std::vector<std::string> openRootless(const RootlessSettings& settings) {
  requirePrograms();
  fs::create_directories(settings.folder);
  fs::permissions(settings.folder, fs::perms::owner_all);
  base::Fd connection = connectTo(settings.folder);
  if (!connection.valid()) {
    endStranded(settings);
    OutsideNetwork::endLeft(DoorFiles{settings.folder});
    startDoor(settings);
    connection = connectTo(settings.folder);
  }
  FrameSocket socket(std::move(connection));
  std::vector<std::string> addresses =
      base::split(ask(socket, {.word = "list", .addresses = {}}).bytes, '\n');
  std::erase(addresses, "");
  return addresses;
}

void enterRootless(const RootlessSettings& settings, const std::vector<std::string>& addresses) {
  const fs::path here = fs::current_path();
  FrameSocket socket(connectTo(settings.folder));
  if (!socket.socket().valid()) throw Error(Errc::unavailable, "the door of the namespaces has gone");
  const Frame user = ask(socket, {.word = "forward", .addresses = addresses});
  const Frame others = answerOf(socket);
  if (user.fds.size() != 1 || others.fds.size() != 2)
    throw Error(Errc::internal, "the door of the namespaces did not open");
  enter(user.fds[0], CLONE_NEWUSER, "user namespace");
  if (::setgroups(0, nullptr) != 0 || ::setresgid(0, 0, 0) != 0 || ::setresuid(0, 0, 0) != 0)
    base::throwErrno(errno, "becoming root of the user namespace");
  enter(others.fds[0], CLONE_NEWNS, "mounts");
  enter(others.fds[1], CLONE_NEWNET, "network");
  fs::current_path(here);
}

int keepDoor(const std::vector<std::string>& args) {
  base::Fd listener(kListener);
  struct stat info {};
  if (::fstat(kListener, &info) != 0 || !S_ISSOCK(info.st_mode) || args.size() != 2) {
    listener.release();
    std::cerr << "fairlead: the door is kept for fairlead serve, not by hand\n";
    return 2;
  }
  for (const int each : {SIGINT, SIGHUP, SIGPIPE})
    ::signal(each, SIG_IGN);
  base::configureLogging(args[1]);
  Door(std::move(listener), DoorFiles{fs::current_path()}, args[0]).serve();
  return 0;
}

}  // namespace sandbox
