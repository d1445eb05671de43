#include "sandbox/detail/remote_host.h"

#include <utility>
#include <vector>

#include "base/byte_sink.h"
#include "base/error.h"

namespace sandbox {
namespace {

namespace fs = std::filesystem;

/// The one descriptor that an answer has to bring.
base::Fd only(std::vector<base::Fd> fds) {
  if (fds.size() != 1)
    throw base::Error(base::Errc::internal, "the supervisor has answered without a descriptor");
  return std::move(fds.front());
}

}  // namespace

fs::path tidyPath(const fs::path& path) {
  if (path.empty()) return path;
  const fs::path plain = fs::absolute(path).lexically_normal();
  return plain.has_filename() || plain == "/" ? plain : plain.parent_path();
}

void RemoteTrees::give(const fs::path& path, TreeOwner owner, Depth depth) {
  client_.ask<Done>(GiveCall{tidyPath(path), owner, depth == Depth::whole});
}

void RemoteTrees::takeBack(const fs::path& path, Depth depth) {
  client_.ask<Done>(TakeBackCall{tidyPath(path), depth == Depth::whole});
}

void RemoteTrees::remove(const fs::path& path) {
  client_.ask<Done>(RemoveTreeCall{tidyPath(path)});
}

void RemoteTrees::merge(const fs::path& changes, const fs::path& kept, const fs::path& trash) {
  client_.ask<Done>(MergeCall{tidyPath(changes), tidyPath(kept), tidyPath(trash)});
}

std::uint64_t RemoteTrees::diskBytes(const fs::path& path, std::stop_token stop) {
  base::DiscardSink none;
  RunOptions options;
  options.stop = std::move(stop);
  return client_.attached<BytesAnswer>(DiskBytesCall{tidyPath(path)}, {}, none, options).bytes;
}

void RemoteTrees::giveTerminal(const base::Fd& terminal, TreeOwner owner) {
  client_.ask<Done>(GiveTerminalCall{owner}, {terminal.get()});
}

void RemoteTrees::unpackLayer(const base::Fd& tar, const fs::path& folder) {
  client_.ask<Done>(UnpackLayerCall{tidyPath(folder)}, {tar.get()});
}

HostPrograms::Started RemotePrograms::start(const std::string& name, const base::Fd& output) {
  std::vector<base::Fd> fds;
  const Answer answer = client_.askFor(StartProgramCall{name}, {output.get()}, fds);
  return {.pid = std::get<PidAnswer>(answer).pid, .pidFd = only(std::move(fds))};
}

void RemotePrograms::signal(const std::string& name, pid_t pid, int signalNumber) {
  client_.ask<Done>(SignalProgramCall{name, pid, signalNumber});
}

base::ExitStatus RemotePrograms::run(const std::string& name, const base::Fd& output, const base::Fd& log,
                                     std::stop_token stop) {
  base::DiscardSink none;
  RunOptions options;
  options.stop = std::move(stop);
  return client_.attached<RunResult>(RunProgramCall{name}, {output.get(), log.get()}, none, options).status;
}

base::Fd RemotePrograms::openFile(const fs::path& path) {
  std::vector<base::Fd> fds;
  client_.askFor(OpenFileCall{tidyPath(path)}, {}, fds);
  return only(std::move(fds));
}

}  // namespace sandbox
