#include "sandbox/detail/monitor.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdlib>

#include "base/error.h"
#include "base/json.h"
#include "base/strings.h"

namespace sandbox {
namespace {

using base::Errc;
using base::Error;
using base::ExitStatus;

constexpr auto kRuntimeTimeout = std::chrono::seconds(60);

// The runtime's last message: one JSON object a line.
std::string lastWords(const std::filesystem::path& runtimeLog) {
  std::error_code ignored;
  if (!std::filesystem::exists(runtimeLog, ignored)) return "";
  std::string words;
  for (const std::string& line : base::split(base::readFile(runtimeLog), '\n')) {
    if (line.empty()) continue;
    try {
      words = base::jsonString(base::parseJsonObject(line, "log line"), "msg");
    } catch (const Error&) {
      words = line;  // crun writes some lines as plain text
    }
  }
  return words;
}

[[noreturn]] void throwUnavailable(const std::string& doing, const std::filesystem::path& runtimeLog,
                                   const std::string& otherwise) {
  const std::string words = lastWords(runtimeLog);
  throw Error(Errc::unavailable, doing + ": " + base::printable(words.empty() ? otherwise : words, 600));
}

std::vector<std::string> environmentFor(const std::string& extra) {
  const char* path = std::getenv("PATH");
  std::vector<std::string> environment{std::string("PATH=") + (path != nullptr ? path : "") +
                                       ":/usr/local/sbin:/usr/sbin:/sbin:/usr/bin:/bin"};
  if (!extra.empty()) environment.push_back(extra);
  return environment;
}

/// Where conmon keeps what it knows of one process.
struct MonitorPlaces {
  std::filesystem::path pidFile;
  std::filesystem::path monitorPidFile;
  std::filesystem::path exitFolder;
  std::filesystem::path runtimeLog;
};

std::vector<std::string> monitorCommand(const RuntimePrograms& programs, const std::string& id,
                                        const ContainerFiles& container, const MonitorPlaces& places) {
  std::vector<std::string> argv{programs.monitor,
                                "--api-version",
                                "1",
                                "-c",
                                id,
                                "-u",
                                id,
                                "-n",
                                id,
                                "-r",
                                programs.runtime,
                                "-b",
                                container.folder.string(),
                                "-p",
                                places.pidFile.string(),
                                "-P",
                                places.monitorPidFile.string(),
                                "--exit-dir",
                                places.exitFolder.string(),
                                "--socket-dir-path",
                                container.socketFolder().string(),
                                "--log-level",
                                "error",
                                "--no-sync-log"};
  const std::string root = "--root=" + programs.runtimeRoot.string();
  const std::string log = "--log=" + places.runtimeLog.string();
  for (const std::string& argument : {root, log, std::string("--log-format=json")})
    argv.insert(argv.end(), {"--runtime-arg", argument});
  return argv;
}

std::vector<std::string> createCommand(const RuntimePrograms& programs, const std::string& id,
                                       const ContainerFiles& files, const OutputTarget& output) {
  auto argv = monitorCommand(
      programs, id, files, {files.pidFile(), files.monitorPidFile(), files.exitFolder(), files.runtimeLog()});
  argv.insert(argv.end(), {"--persist-dir", files.persistFolder().string()});
  if (output.pipe != nullptr) {
    argv.insert(argv.end(), {"-l", "passthrough:"});
  } else {
    // Then it puts a new file in the place of this one: who reads it is behind by less, unless the daemon is
    // away.
    constexpr std::uint64_t kLongestLog = 64u << 20;
    argv.insert(argv.end(),
                {"-l", "k8s-file:" + output.logFile.string(), "--log-size-max", std::to_string(kLongestLog)});
  }
  return argv;
}

// conmon's answer on the sync pipe: {"data": PID}, or a negative number and a message. It comes when `RUNTIME
// create` has ended.
std::string readAnswer(const base::Fd& pipe) {
  std::string answer;
  const auto deadline = std::chrono::steady_clock::now() + kRuntimeTimeout;
  for (;;) {
    const auto left =
        std::chrono::duration_cast<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now())
            .count();
    pollfd entry{pipe.get(), POLLIN, 0};
    if (left <= 0 || ::poll(&entry, 1, static_cast<int>(left)) == 0)
      throw Error(Errc::unavailable, "the container runtime does not answer");
    char buffer[4096];
    const std::size_t count = base::readSome(pipe, buffer, sizeof buffer);
    answer.append(buffer, count);
    // conmon keeps the pipe open for an exec's exit code, a second line: the line's end is the end.
    if (count == 0 || answer.find('\n') != std::string::npos) return answer.substr(0, answer.find('\n'));
  }
}

ExitStatus waitForLauncher(base::ChildProcess& launcher) {
  const auto status = launcher.waitFor(kRuntimeTimeout);
  if (!status) throw Error(Errc::unavailable, "conmon does not go to the background");
  return *status;
}

pid_t readPid(const std::filesystem::path& file) {
  std::uint64_t pid = 0;
  base::parseNumber(base::trim(base::readFile(file)), pid);
  return static_cast<pid_t>(pid);
}

std::vector<std::string> runtimeCommand(const RuntimePrograms& programs,
                                        const std::vector<std::string>& arguments) {
  std::vector<std::string> argv{programs.runtime, "--root=" + programs.runtimeRoot.string()};
  argv.insert(argv.end(), arguments.begin(), arguments.end());
  return argv;
}

// What `runc start` does, without its 15 to 20 ms: the first process waits for a reader of this fifo. False
// when that is not how this container waits.
bool startByFifo(const RuntimePrograms& programs, const std::string& id, const ProcessRef& init) {
  if (std::filesystem::path(programs.runtime).filename() != "runc") return false;
  const std::filesystem::path file = programs.runtimeRoot / id / "exec.fifo";
  const base::Fd process = init.open();  // before it is let go: it may end at once
  const base::Fd fifo(::open(file.c_str(), O_RDONLY | O_NONBLOCK | O_NOFOLLOW | O_CLOEXEC));
  if (!fifo.valid() || !process.valid()) return false;
  std::array<pollfd, 2> entries = {{{fifo.get(), POLLIN, 0}, {process.get(), POLLIN, 0}}};
  const int timeoutMs = static_cast<int>(std::chrono::milliseconds(kRuntimeTimeout).count());
  char byte = 0;
  if (::poll(entries.data(), entries.size(), timeoutMs) <= 0 || (entries[0].revents & POLLIN) == 0 ||
      ::read(fifo.get(), &byte, 1) != 1)
    return false;
  ::unlink(file.c_str());  // so that runc, too, takes it for started
  return true;
}

/// conmon answers at the first descriptor that `child` has left free.
CreatedContainer launch(base::ChildSpec child, const std::filesystem::path& monitorPidFile,
                        const std::filesystem::path& runtimeLog) {
  auto [answerEnd, conmonEnd] = base::makePipe();
  int answerAt = 3;
  for (const base::ChildFd& given : child.fds)
    answerAt = std::max(answerAt, given.target + 1);
  child.environment = environmentFor("_OCI_SYNCPIPE=" + std::to_string(answerAt));
  child.fds.push_back({&conmonEnd, answerAt});
  child.ownSession = true;
  base::ChildProcess launcher = base::ChildProcess::spawn(child);
  conmonEnd.reset();
  const std::string answer = readAnswer(answerEnd);
  const ExitStatus launched = waitForLauncher(launcher);
  if (!launched.ok()) throwUnavailable("starting conmon", runtimeLog, launched.describe());
  if (base::trim(answer).empty())
    throwUnavailable("starting the container", runtimeLog, "conmon ended without a word");
  const auto object = base::parseJsonObject(base::trim(answer), "conmon's answer");
  const int pid = object->optValue<int>("data", object->optValue<int>("pid", -1));
  if (pid <= 0)
    throwUnavailable("creating the container", runtimeLog,
                     base::jsonString(object, "message", "the runtime gave no reason"));
  return {.init = ProcessRef::of(pid), .monitor = ProcessRef::of(readPid(monitorPidFile))};
}

}  // namespace

CreatedContainer createContainer(const RuntimePrograms& programs, const std::string& id,
                                 const ContainerFiles& files, const OutputTarget& output) {
  CHECK((output.pipe != nullptr) != !output.logFile.empty());
  base::ChildSpec child;
  child.argv = createCommand(programs, id, files, output);
  if (output.pipe != nullptr) child.fds = {{output.pipe, 1}, {output.pipe, 2}};
  child.workingDirectory = files.folder.string();  // conmon leaves a file named "oom" where it stands
  CreatedContainer created = launch(std::move(child), files.monitorPidFile(), files.runtimeLog());
  if (created.init.pid == 0 || created.monitor.pid == 0)
    throwUnavailable("creating the container", files.runtimeLog(), "it ended at once");
  return created;
}

CreatedContainer execInContainer(const RuntimePrograms& programs, const std::string& id,
                                 const ContainerFiles& container, const ExecFiles& files,
                                 const ExecStreams& streams) {
  base::ChildSpec child;
  child.argv =
      monitorCommand(programs, id, container,
                     {files.pidFile(), files.monitorPidFile(), files.exitFolder(), files.runtimeLog()});
  child.argv.insert(child.argv.end(),
                    {"--exec", "--exec-process-spec", files.process().string(), "-l", "passthrough:"});
  child.fds = {{streams.output, 1}, {streams.output, 2}};
  if (streams.input != nullptr) child.fds.push_back({streams.input, 0});
  if (streams.terminal != nullptr) {
    child.fds.push_back({streams.terminal, 3});
    child.argv.insert(child.argv.end(), {"--runtime-opt", "--preserve-fds=1"});
  }
  child.workingDirectory = files.folder.string();
  return launch(std::move(child), files.monitorPidFile(), files.runtimeLog());
}

void giveOutputTo(const ProcessRef& init, std::uint32_t uid, std::uint32_t gid) {
  for (const char* name : {"/fd/1", "/fd/2"}) {
    const std::string path = "/proc/" + std::to_string(init.pid) + name;
    if (::chown(path.c_str(), uid, gid) != 0) base::throwErrno(errno, "giving the container its output");
  }
}

void startContainer(const RuntimePrograms& programs, const std::string& id, const ContainerFiles& files,
                    const ProcessRef& init) {
  if (startByFifo(programs, id, init)) return;
  const auto command =
      runtimeCommand(programs, {"--log=" + files.runtimeLog().string(), "--log-format=json", "start", id});
  const auto output =
      base::runCommand(command, {.environment = environmentFor(""), .timeout = kRuntimeTimeout});
  if (!output.status.ok())
    throwUnavailable("starting the container", files.runtimeLog(),
                     output.err.empty() ? output.status.describe() : output.err);
}

void deleteContainer(const RuntimePrograms& programs, const std::string& id) {
  std::error_code ignored;
  if (!std::filesystem::exists(programs.runtimeRoot / id, ignored)) return;
  const auto output = base::runCommand(runtimeCommand(programs, {"delete", "--force", id}),
                                       {.environment = environmentFor(""), .timeout = kRuntimeTimeout});
  if (!output.status.ok())
    throw Error(Errc::unavailable,
                "deleting container " + id + ": " + base::printable(base::trim(output.err), 600));
}

std::optional<ExitStatus> recordedExit(const std::filesystem::path& exitFolder, const std::string& id) {
  std::error_code ignored;
  const auto file = exitFolder / id;
  if (!std::filesystem::exists(file, ignored)) return std::nullopt;
  std::uint64_t code = 0;
  if (!base::parseNumber(base::trim(base::readFile(file)), code)) return std::nullopt;
  return ExitStatus{.code = static_cast<int>(code), .signal = 0};
}

}  // namespace sandbox
