#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <exception>
#include <map>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>

#include "base/child_process.h"
#include "base/error.h"
#include "sandbox/detail/process_ref.h"
#include "sandbox/detail/remote_host.h"
#include "sandbox/detail/supervisor_channel.h"
#include "sandbox/detail/supervisor_client.h"
#include "sandbox/detail/supervisor_messages.h"
#include "sandbox/supervisor.h"

namespace sandbox {
namespace {

using base::Errc;
using base::Error;
namespace fs = std::filesystem;

/// Trying the runtimes may take two times 30 s.
constexpr auto kStartWait = std::chrono::seconds(120);
/// It removes what ended containers have left before it goes.
constexpr auto kEndWait = std::chrono::seconds(60);

fs::path tidy(const fs::path& path) {
  return tidyPath(path);
}

ContainerSpec tidy(ContainerSpec spec) {
  for (fs::path& layer : spec.layers)
    layer = tidy(layer);
  for (Mount& mount : spec.mounts) {
    mount.source = tidy(mount.source);
    mount.changes = tidy(mount.changes);
  }
  return spec;
}

SupervisorSettings tidy(SupervisorSettings settings) {
  settings.runtime.folder = tidy(settings.runtime.folder);
  settings.dataFolder = tidy(settings.dataFolder);
  for (auto* paths : {&settings.operatorFolders, &settings.operatorFiles, &settings.readableFiles})
    for (fs::path& path : *paths)
      path = tidy(path);
  return settings;
}

template <typename Duration>
Duration within(Duration time) {
  return std::clamp<Duration>(time, Duration::zero(), kMaxTime);
}

RunTimes timesOf(const RunOptions& options) {
  return {.timeout = within(options.timeout),
          .idleTimeout = within(options.idleTimeout),
          .killGrace = within(options.killGrace)};
}

/// What the supervisor and its programs need of our environment; no more of it is passed on.
std::vector<std::string> environment() {
  std::vector<std::string> result;
  for (const char* name :
       {"PATH", "TMPDIR", "http_proxy", "https_proxy", "no_proxy", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY",
        "ASAN_OPTIONS", "UBSAN_OPTIONS", "TSAN_OPTIONS", "LSAN_OPTIONS"})
    if (const char* value = std::getenv(name)) result.push_back(std::string(name) + "=" + value);
  return result;
}

base::ChildProcess spawn(const std::vector<std::string>& command, base::Fd channel) {
  const base::Fd log(::fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 0));
  base::ChildSpec spec;
  spec.argv = command;
  spec.environment = environment();
  spec.fds = {{&channel, 3}};
  if (log.valid()) spec.fds.push_back({&log, STDERR_FILENO});
  return base::ChildProcess::spawn(spec);
}

/// Waits for the first message of a supervisor.
ReadyAnswer awaitReady(const base::Fd& channel, base::ChildProcess& child) {
  pollfd entry{channel.get(), POLLIN, 0};
  const auto deadline = std::chrono::steady_clock::now() + kStartWait;
  for (int ready = 0; ready <= 0;) {
    const auto left =
        std::chrono::ceil<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now()).count();
    if (left <= 0) throw Error(Errc::timedOut, "the supervisor, which makes containers, does not come up");
    ready = ::poll(&entry, 1, static_cast<int>(left));
  }
  const auto message = receiveFromChannel(channel);
  if (!message)
    throw Error(Errc::unavailable,
                "the supervisor, which makes containers, has not started: " + child.wait().describe());
  return std::get<ReadyAnswer>(answerOrThrow(decodeAnswer(message->bytes)));
}

class RemoteRuntime : public SupervisedRuntime {
 public:
  RemoteRuntime(base::ChildProcess child, base::Fd channel, ReadyAnswer ready, std::function<void()> onDeath)
      : child_(std::move(child)),
        client_(std::move(channel)),
        trees_(client_),
        programs_(client_),
        ready_(std::move(ready)),
        onDeath_(std::move(onDeath)),
        closing_(base::makeEventFd()),
        guard_([this] { guard(); }) {}

  ~RemoteRuntime() override {
    base::signalEvent(closing_);
    guard_.join();
    try {
      client_.end();
      // Killed it can be only by who still has its rights.
      if (!child_.waitFor(kEndWait)) child_.release();
    } catch (const std::exception&) {  // it ends by itself, having lost its channel
      child_.release();
    }
  }

  RunResult run(const ContainerSpec& spec, base::ByteSink& output, const RunOptions& options) override {
    return client_.attached<RunResult>(RunCall{tidy(spec), timesOf(options)}, {}, output, options);
  }
  RunningContainer start(const ContainerSpec& spec, const fs::path& logFile) override {
    CHECK(!spec.filter);  // it would end with the supervisor
    if (!logFile.is_absolute())
      throw Error(Errc::invalidArgument, "a container's log file must be given by an absolute path");
    return client_.ask<RunningContainer>(StartCall{tidy(spec), tidy(logFile)});
  }
  RunResult exec(const std::string& id, const ExecSpec& spec, base::ByteSink& output,
                 const RunOptions& options) override {
    std::vector<int> fds;
    for (const base::Fd* fd : {spec.input, spec.terminal})
      if (fd != nullptr) fds.push_back(fd->get());
    return client_.attached<RunResult>(ExecCall{.id = id,
                                                .argv = spec.argv,
                                                .environment = spec.environment,
                                                .hasInput = spec.input != nullptr,
                                                .hasTerminal = spec.terminal != nullptr,
                                                .times = timesOf(options)},
                                       fds, output, options);
  }
  std::optional<ContainerStatus> status(const std::string& id) override;
  void signal(const std::string& id, int signalNumber) override {
    client_.ask<Done>(SignalCall{id, signalNumber});
  }
  void holdOutput(const std::string& id) override { client_.ask<Done>(HoldCall{id}); }
  void resumeOutput(const std::string& id) override { client_.ask<Done>(ResumeCall{id}); }
  bool waitForExit(const std::string& id, std::chrono::milliseconds timeout) override;
  void remove(const std::string& id) override {
    {
      const std::lock_guard lock(watchedMutex_);
      watched_.erase(id);
    }
    client_.ask<Done>(RemoveCall{id});
  }
  std::vector<std::string> list() override { return client_.ask<IdsAnswer>(ListCall{}).ids; }
  void setNetworkGroups(const std::vector<NetworkGroup>& groups) override {
    client_.ask<Done>(GroupsCall{groups});
  }
  ContainerUsage usage(const std::string& id) override { return client_.ask<ContainerUsage>(UsageCall{id}); }
  std::uint64_t writtenBytes(const std::string& id) override {
    return client_.ask<BytesAnswer>(WrittenCall{id}).bytes;
  }
  std::uint64_t unlinkedBytes(const std::string& id, dev_t device) override {
    return client_.ask<BytesAnswer>(UnlinkedCall{id, device}).bytes;
  }
  std::uint32_t hostId(std::uint32_t containerId) const override {
    return ready_.userNamespaceBase + containerId;
  }
  std::string describe() const override { return ready_.description; }
  pid_t pid() const override { return child_.pid(); }
  ForeignTrees& trees() override { return trees_; }
  HostPrograms& programs() override { return programs_; }

 private:
  /// A container that was seen running: whether it still does costs one system call then, and nobody is
  /// asked.
  struct Watched {
    RunningContainer container;
    base::Fd init;
    base::Fd monitor;
  };
  /// Owned by watched_ and by who waits for it.
  using WatchedRef = std::shared_ptr<const Watched>;

  WatchedRef watchedOf(const std::string& id);
  void guard();

  base::ChildProcess child_;
  SupervisorClient client_;
  RemoteTrees trees_;
  RemotePrograms programs_;
  const ReadyAnswer ready_;
  const std::function<void()> onDeath_;
  const base::Fd closing_;
  std::mutex watchedMutex_;
  std::map<std::string, WatchedRef> watched_;  // guarded by watchedMutex_
  std::thread guard_;
};

/// The thread that knows when the supervisor ends.
void RemoteRuntime::guard() {
  ::pthread_setname_np(::pthread_self(), "sup-guard");
  for (;;) {
    std::array<pollfd, 2> entries{{{closing_.get(), POLLIN, 0}, {child_.pidFd().get(), POLLIN, 0}}};
    if (::poll(entries.data(), entries.size(), -1) < 0) continue;
    if (entries[0].revents != 0) return;
    if (entries[1].revents == 0) continue;
    if (onDeath_) onDeath_();
    return;
  }
}

RemoteRuntime::WatchedRef RemoteRuntime::watchedOf(const std::string& id) {
  const std::lock_guard lock(watchedMutex_);
  const auto found = watched_.find(id);
  return found == watched_.end() ? nullptr : found->second;
}

std::optional<ContainerStatus> RemoteRuntime::status(const std::string& id) {
  if (const WatchedRef watched = watchedOf(id)) {
    // In this order: the monitor ends behind the init, as a rule.
    const bool lacksMonitor = waitForEnd(watched->monitor, 0);
    if (!waitForEnd(watched->init, 0))
      return ContainerStatus{
          .running = true, .exit = {}, .container = watched->container, .unattended = lacksMonitor};
    const std::lock_guard lock(watchedMutex_);
    const auto found = watched_.find(id);
    if (found != watched_.end() && found->second == watched) watched_.erase(found);
  }
  std::vector<base::Fd> fds;
  Answer answer = client_.askFor(StatusCall{id}, {}, fds);
  auto& status = std::get<StatusAnswer>(answer).status;
  if (!status || !status->running || fds.empty()) return std::move(status);
  auto watched = std::make_shared<Watched>(Watched{status->container, std::move(fds.front()), base::Fd()});
  if (fds.size() > 1) watched->monitor = std::move(fds[1]);
  const std::lock_guard lock(watchedMutex_);
  watched_.insert_or_assign(id, std::move(watched));
  return std::move(status);
}

bool RemoteRuntime::waitForExit(const std::string& id, std::chrono::milliseconds timeout) {
  constexpr std::chrono::milliseconds kLongest = std::chrono::hours(24);
  const auto deadline = std::chrono::steady_clock::now() + std::min(timeout, kLongest);
  for (;;) {
    const auto now = status(id);
    if (!now || !now->running) return true;
    const auto left =
        std::chrono::ceil<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now()).count();
    if (left <= 0) return false;
    // None: it has ended just now, which the next answer says.
    if (const WatchedRef watched = watchedOf(id)) waitForEnd(watched->init, static_cast<int>(left));
  }
}

}  // namespace

std::unique_ptr<SupervisedRuntime> startSupervisor(const std::vector<std::string>& command,
                                                   const SupervisorSettings& settings,
                                                   SupervisorHooks hooks) {
  auto [ours, theirs] = makeChannel();
  base::ChildProcess child = spawn(command, std::move(theirs));
  if (!sendOnChannel(ours, encodeSettings(tidy(settings))))
    throw Error(Errc::unavailable,
                "the supervisor, which makes containers, has not started: " + child.wait().describe());
  ReadyAnswer ready = awaitReady(ours, child);
  if (hooks.beforeThreads) hooks.beforeThreads();
  return std::make_unique<RemoteRuntime>(std::move(child), std::move(ours), std::move(ready),
                                         std::move(hooks.onDeath));
}

}  // namespace sandbox
