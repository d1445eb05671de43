#include "sandbox/detail/monitor.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

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
std::string lastWords(const ContainerFiles& files) {
  std::error_code ignored;
  if (!std::filesystem::exists(files.runtimeLog(), ignored)) return "";
  std::string words;
  for (const std::string& line : base::split(base::readFile(files.runtimeLog()), '\n')) {
    if (line.empty()) continue;
    try {
      words = base::jsonString(base::parseJsonObject(line, "log line"), "msg");
    } catch (const Error&) {
      words = line;  // crun writes some lines as plain text
    }
  }
  return words;
}

[[noreturn]] void throwUnavailable(const std::string& doing, const ContainerFiles& files,
                                   const std::string& otherwise) {
  const std::string words = lastWords(files);
  throw Error(Errc::unavailable, doing + ": " + base::printable(words.empty() ? otherwise : words, 600));
}

std::vector<std::string> environmentFor(const std::string& extra) {
  const char* path = std::getenv("PATH");
  std::vector<std::string> environment{std::string("PATH=") + (path != nullptr ? path : "") +
                                       ":/usr/local/sbin:/usr/sbin:/sbin:/usr/bin:/bin"};
  if (!extra.empty()) environment.push_back(extra);
  return environment;
}

std::vector<std::string> monitorCommand(const RuntimePrograms& programs, const std::string& id,
                                        const ContainerFiles& files, const OutputTarget& output) {
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
                                files.folder.string(),
                                "-p",
                                files.pidFile().string(),
                                "-P",
                                files.monitorPidFile().string(),
                                "--exit-dir",
                                files.exitFolder().string(),
                                "--persist-dir",
                                files.persistFolder().string(),
                                "--socket-dir-path",
                                files.socketFolder().string(),
                                "--log-level",
                                "error",
                                "--no-sync-log"};
  if (output.pipe != nullptr) {
    argv.insert(argv.end(), {"-l", "passthrough:"});
  } else {
    // No --log-size-max: conmon would replace the file, which the app's log cuts in place by its own limit.
    argv.insert(argv.end(), {"-l", "k8s-file:" + output.logFile.string()});
  }
  const std::string root = "--root=" + programs.runtimeRoot.string();
  const std::string log = "--log=" + files.runtimeLog().string();
  for (const std::string& argument : {root, log, std::string("--log-format=json")})
    argv.insert(argv.end(), {"--runtime-arg", argument});
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
    // conmon keeps the pipe open for the exit code of an attached exec: the line's end is the end.
    if (count == 0 || answer.find('\n') != std::string::npos) return answer;
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

}  // namespace

CreatedContainer createContainer(const RuntimePrograms& programs, const std::string& id,
                                 const ContainerFiles& files, const OutputTarget& output) {
  CHECK((output.pipe != nullptr) != !output.logFile.empty());
  auto [answerEnd, conmonEnd] = base::makePipe();
  base::ChildSpec child;
  child.argv = monitorCommand(programs, id, files, output);
  child.environment = environmentFor("_OCI_SYNCPIPE=3");
  child.fds = {{&conmonEnd, 3}};
  if (output.pipe != nullptr) child.fds.insert(child.fds.end(), {{output.pipe, 1}, {output.pipe, 2}});
  child.workingDirectory = files.folder.string();  // conmon leaves a file named "oom" where it stands
  child.ownSession = true;
  base::ChildProcess launcher = base::ChildProcess::spawn(child);
  conmonEnd.reset();
  const std::string answer = readAnswer(answerEnd);
  const ExitStatus launched = waitForLauncher(launcher);
  if (!launched.ok()) throwUnavailable("starting conmon", files, launched.describe());
  if (base::trim(answer).empty())
    throwUnavailable("starting the container", files, "conmon ended without a word");
  const auto object = base::parseJsonObject(base::trim(answer), "conmon's answer");
  const int pid = object->optValue<int>("data", object->optValue<int>("pid", -1));
  if (pid <= 0)
    throwUnavailable("creating the container", files,
                     base::jsonString(object, "message", "the runtime gave no reason"));
  CreatedContainer created{.init = ProcessRef::of(pid),
                           .monitor = ProcessRef::of(readPid(files.monitorPidFile()))};
  if (created.init.pid == 0 || created.monitor.pid == 0)
    throwUnavailable("creating the container", files, "it ended at once");
  return created;
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
    throwUnavailable("starting the container", files,
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

std::optional<ExitStatus> recordedExit(const ContainerFiles& files, const std::string& id) {
  std::error_code ignored;
  const auto file = files.exitFolder() / id;
  if (!std::filesystem::exists(file, ignored)) return std::nullopt;
  std::uint64_t code = 0;
  if (!base::parseNumber(base::trim(base::readFile(file)), code)) return std::nullopt;
  return ExitStatus{.code = static_cast<int>(code), .signal = 0};
}

}  // namespace sandbox
