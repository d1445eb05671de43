#include "sandbox/detail/container_exec.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <thread>
#include <utility>

#include "base/atomic_file.h"
#include "base/digest.h"
#include "base/error.h"
#include "base/json.h"
#include "base/strings.h"
#include "sandbox/detail/attached_run.h"
#include "sandbox/detail/read_or_empty.h"

namespace sandbox {
namespace {

using base::Errc;
using base::Error;
namespace fs = std::filesystem;

// In the environment of all that an exec starts: the container's own processes, which share its cgroup, do
// not have it.
constexpr std::string_view kMark = "FAIRLEAD_EXEC";
constexpr char kNameSeparator = '+';  // in no container's id
constexpr std::size_t kMaxConfigBytes = 4u << 20;
constexpr int kRestWaitMs = 5'000;
constexpr int kDoubtMs = 200;
constexpr int kContainerWaitMs = 2'000;
constexpr int kKilled = 128 + SIGKILL;
constexpr int kTerminated = 128 + SIGTERM;

enum class Mark { none, there, unknown };

/// Unknown: in the midst of execve() a process has no environment, and some have never had one.
Mark markIn(pid_t pid, const std::string& entry) {
  const std::string process = "/proc/" + std::to_string(pid);
  const std::string environment = readOrEmpty(process + "/environ");
  for (const std::string& each : base::split(environment, '\0'))
    if (each == entry) return Mark::there;
  if (!environment.empty()) return Mark::none;
  const std::string stat = readOrEmpty(process + "/stat");
  const std::size_t state = stat.rfind(") ");  // its name, before that, may be anything
  const bool runs = state != std::string::npos && state + 2 < stat.size() && stat[state + 2] != 'Z';
  return runs ? Mark::unknown : Mark::none;
}

std::string markOf(const std::string& name) {
  return std::string(kMark) + "=" + name;
}

/// A folder that goes with the object.
class Folder {
 public:
  explicit Folder(fs::path path) : path_(std::move(path)) {
    fs::create_directories(path_);
    fs::permissions(path_, fs::perms::owner_all);
  }
  ~Folder() {
    try {
      base::removeTree(path_);
    } catch (const std::exception&) {  // the next start of the daemon finds it
    }
  }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;

 private:
  const fs::path path_;
};

void giveTo(const base::Fd& pipe, const ExecTarget& target) {
  // Or opening /dev/stdout would fail.
  if (::fchown(pipe.get(), target.hostUid, target.hostGid) != 0)
    base::throwErrno(errno, "giving a command its output");
}

struct Signalled {
  std::size_t count = 0;
  std::size_t unknown = 0;  ///< may be the command's or not
};

Signalled signalMarked(const std::string& name, const std::vector<pid_t>& processes, int signalNumber) {
  const std::string entry = markOf(name);
  Signalled result;
  for (const pid_t pid : processes) {
    const base::Fd process = ProcessRef::of(pid).open();
    if (!process.valid()) continue;
    // Read with the descriptor open: it is this process's environment.
    const Mark mark = markIn(pid, entry);
    if (mark == Mark::unknown) ++result.unknown;
    if (mark != Mark::there) continue;
    signalProcess(process, signalNumber);
    // One that is killed has an environment until it is gone.
    if (signalNumber == SIGKILL) waitForEnd(process, kRestWaitMs);
    ++result.count;
  }
  return result;
}

/// Kills what the command has left running. What forks all the time may need several rounds, and what is just
/// becoming another program a moment; who has no environment for longer is not the command's.
void endRest(const ExecTarget& target, const std::string& name) {
  const auto begin = std::chrono::steady_clock::now();
  const auto deadline = begin + std::chrono::milliseconds(kRestWaitMs);
  const auto doubtOver = begin + std::chrono::milliseconds(kDoubtMs);
  while (std::chrono::steady_clock::now() < deadline) {
    const Signalled last = signalMarked(name, target.processes(), SIGKILL);
    if (last.count > 0) continue;
    if (last.unknown == 0 || std::chrono::steady_clock::now() > doubtOver) return;
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
}

base::Fd endedAlready() {
  base::Fd event = base::makeEventFd();
  base::signalEvent(event);
  return event;
}

}  // namespace

std::string newExecName(const std::string& container) {
  return container + kNameSeparator + base::randomHex(8);
}

std::string containerOfExec(const std::string& name) {
  return name.substr(0, name.find(kNameSeparator));
}

std::size_t signalExec(const std::string& name, const std::vector<pid_t>& processes, int signalNumber) {
  return signalMarked(name, processes, signalNumber).count;
}

std::string execProcess(const std::string& config, const ExecSpec& spec, const std::string& name) {
  auto process =
      base::parseJsonObject(config, "a container's config.json", kMaxConfigBytes)->getObject("process");
  if (process.isNull()) throw Error(Errc::corrupt, "a container's config.json has no process");
  auto arguments = base::makeJsonArray();
  for (const std::string& word : spec.argv)
    arguments->add(word);
  process->set("args", arguments);
  auto environment = base::makeJsonArray();
  auto before = process->getArray("env");
  for (std::size_t i = 0; i < before->size(); ++i) {
    const std::string entry = before->getElement<std::string>(static_cast<unsigned>(i));
    const std::string key = entry.substr(0, entry.find('='));
    const bool replaced = std::any_of(spec.environment.begin(), spec.environment.end(),
                                      [&](const auto& each) { return each.first == key; });
    if (!replaced && key != kMark) environment->add(entry);
  }
  for (const auto& [key, value] : spec.environment)
    environment->add(key + "=" + value);
  environment->add(markOf(name));
  process->set("env", environment);
  return base::toJson(process);
}

RunResult execToEnd(const RuntimePrograms& programs, const ExecTarget& target, const fs::path& folder,
                    const ExecSpec& spec, base::ByteSink& output, const RunOptions& options) {
  if (spec.argv.empty()) throw Error(Errc::invalidArgument, "an exec needs a command");
  const std::string name = folder.filename().string();
  const Folder kept(folder);
  const ExecFiles files{folder};
  fs::create_directory(files.exitFolder());
  base::writeAll(base::openFile(files.process(), O_WRONLY | O_CREAT | O_EXCL),
                 execProcess(base::readFile(target.files.config(), kMaxConfigBytes), spec, name));
  auto [readEnd, writeEnd] = base::makePipe();
  giveTo(writeEnd, target);
  const base::Fd container = target.init.open();
  const auto launchedAt = std::chrono::steady_clock::now();
  const CreatedContainer created =
      execInContainer(programs, target.id, target.files, files,
                      {.input = spec.input, .output = &writeEnd, .terminal = spec.terminal});
  writeEnd.reset();
  const auto signalAll = [&](int number) {
    // A shell at a terminal goes by what a terminal says that goes.
    if (number == SIGTERM && spec.terminal != nullptr) signalExec(name, target.processes(), SIGHUP);
    signalExec(name, target.processes(), number);
  };
  base::Fd monitor = created.monitor.open();
  AttachedRun attached({.output = std::move(readEnd),
                        .monitor = monitor.valid() ? std::move(monitor) : endedAlready(),
                        .init = created.init.open(),
                        .signalAll = signalAll,
                        .guard = nullptr,
                        .endRest = [&] { endRest(target, name); }},
                       output, options);
  RunResult result;
  result.end = attached.drive();
  result.ran = std::chrono::duration_cast<std::chrono::microseconds>(attached.endedAt() - launchedAt);
  const auto exit = recordedExit(files.exitFolder(), target.id);
  result.status = exit.value_or(base::ExitStatus{.code = kKilled, .signal = 0});
  // A container that is stopped has its SIGTERM go to all in it, and the kernel kills what is left when its
  // first process ends: then that is just going.
  const bool bySignal = result.status.code == kKilled || result.status.code == kTerminated;
  result.containerEnded =
      result.end == RunResult::End::exited && bySignal && waitForEnd(container, kContainerWaitMs);
  return result;
}

}  // namespace sandbox
