#include "sandbox/detail/layer_worker.h"

#include <fcntl.h>
#include <grp.h>
#include <sched.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <iostream>
#include <utility>

#include "base/archive.h"
#include "base/child_process.h"
#include "base/confine.h"
#include "base/error.h"
#include "sandbox/detail/frame_socket.h"
#include "sandbox/detail/oci_bundle.h"
#include "sandbox/detail/supervisor_client.h"
#include "sandbox/detail/supervisor_messages.h"
#include "sandbox/supervisor.h"

namespace sandbox {
namespace {

using base::Errc;
using base::Error;

constexpr int kTar = 0;
constexpr int kSocket = 3;
constexpr int kFolder = 4;

void must(bool worked, const char* doing) {
  if (!worked) base::throwErrno(errno, doing);
}

// --- in the worker; its supervisor hears of failures as of any other

/// From here on it is the root of containers, and of nothing else.
void becomeContainersRoot(FrameSocket& socket) {
  must(::unshare(CLONE_NEWUSER) == 0, "unpacking a layer: making a user namespace");
  // Only who is outside can say which ids there are in it.
  socket.send(FrameKind::call, "");
  if (!socket.receive()) throw Error(Errc::cancelled, "nobody waits for the layer any more");
  must(::setgroups(0, nullptr) == 0, "unpacking a layer: leaving the groups");
  must(::setresgid(0, 0, 0) == 0 && ::setresuid(0, 0, 0) == 0, "unpacking a layer: changing the user");
}

void unpackHere(FrameSocket& socket) {
  becomeContainersRoot(socket);
  {
    const base::Fd folder(kFolder);
    must(::fchdir(folder.get()) == 0 && ::chroot(".") == 0, "unpacking a layer: entering its folder");
  }
  base::confine({.anyFiles = true});
  base::FileSource tar{base::Fd(kTar)};
  base::UnpackOptions options;
  options.whiteouts = true;
  options.ids = kUserNamespaceSize;
  options.capabilities = false;
  options.markOpaque = [&](const base::Fd& folder) {
    if (!socket.send(FrameKind::output, "", {folder.get()}))
      throw Error(Errc::cancelled, "nobody waits for the layer any more");
  };
  base::unpackTar(tar, "/", options);
  base::readToEnd(tar);
}

// --- in the supervisor

void writeMap(pid_t pid, const char* name, std::uint32_t base) {
  const base::Fd file = base::openFile("/proc/" + std::to_string(pid) + "/" + name, O_WRONLY);
  // One write, or the kernel takes none of it.
  base::writeAll(file, "0 " + std::to_string(base) + " " + std::to_string(kUserNamespaceSize) + "\n");
}

/// What the worker could have made only in its folder; the xattr takes the host's root.
void markOpaque(const std::vector<base::Fd>& fds, std::uint32_t base) {
  struct stat info {};
  if (fds.size() != 1 || ::fstat(fds.front().get(), &info) != 0 || !S_ISDIR(info.st_mode) ||
      info.st_uid - base >= kUserNamespaceSize)
    throw Error(Errc::internal, "what unpacks layers has sent what is no folder of theirs");
  base::markOpaque(fds.front());
}

}  // namespace

void unpackApart(const std::vector<std::string>& command, std::uint32_t userNamespaceBase,
                 const base::Fd& tar, const std::filesystem::path& folder) {
  const base::Fd root = base::openFile(folder, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
  const base::Fd log(::fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 0));
  auto [ours, theirs] = makeConnection();
  base::ChildSpec spec{.argv = command, .fds = {{&tar, kTar}, {&theirs, kSocket}, {&root, kFolder}}};
  if (log.valid()) spec.fds.push_back({&log, STDERR_FILENO});
  base::ChildProcess worker = base::ChildProcess::spawn(spec);
  theirs.reset();
  FrameSocket socket(std::move(ours));
  bool hasIds = false;
  while (auto frame = socket.receive()) {
    if (frame->kind == FrameKind::call && !std::exchange(hasIds, true)) {
      writeMap(worker.pid(), "uid_map", userNamespaceBase);
      writeMap(worker.pid(), "gid_map", userNamespaceBase);
      socket.send(FrameKind::call, "");
    } else if (frame->kind == FrameKind::output && hasIds) {
      markOpaque(frame->fds, userNamespaceBase);
    } else if (frame->kind == FrameKind::answer) {
      answerOrThrow(decodeAnswer(frame->bytes));
      worker.wait();
      return;
    } else {
      break;
    }
  }
  throw Error(Errc::unavailable, "what unpacks a layer has ended early: " + worker.wait().describe());
}

int unpackLayerHere() {
  base::Fd end(kSocket);
  struct stat info {};
  if (::fstat(kSocket, &info) != 0 || !S_ISSOCK(info.st_mode)) {
    end.release();
    std::cerr << "fairlead: layers are unpacked for fairlead serve, not by hand\n";
    return 2;
  }
  FrameSocket socket(std::move(end));
  Answer answer = Done{};
  try {
    unpackHere(socket);
  } catch (const std::exception& failure) {  // the supervisor says it
    const auto* error = dynamic_cast<const Error*>(&failure);
    answer = Failure{error != nullptr ? error->code() : Errc::io, base::publicMessage(failure)};
  }
  socket.send(FrameKind::answer, encodeAnswer(answer));
  // At once: what else ends a process looks into folders that are not there any more.
  ::_exit(std::holds_alternative<Done>(answer) ? 0 : 1);
}

}  // namespace sandbox
