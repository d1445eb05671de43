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
#include "sandbox/detail/frame_socket.h"
#include "sandbox/detail/process_ref.h"
#include "sandbox/detail/supervisor_channel.h"
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
constexpr std::size_t kIdleConnections = 4;

[[noreturn]] void throwGone() {
  throw Error(Errc::unavailable, "the supervisor, which makes containers, has ended: restart the server");
}

/// As the supervisor takes them: a final slash or a "." means nothing.
fs::path tidy(const fs::path& path) {
  if (path.empty()) return path;
  const fs::path plain = fs::absolute(path).lexically_normal();
  return plain.has_filename() || plain == "/" ? plain : plain.parent_path();
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
  for (auto* paths : {&settings.operatorFolders, &settings.operatorFiles})
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
  for (const char* name : {"PATH", "ASAN_OPTIONS", "UBSAN_OPTIONS", "TSAN_OPTIONS", "LSAN_OPTIONS"})
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
  Answer answer = decodeAnswer(message->bytes);
  if (const auto* failure = std::get_if<Failure>(&answer)) throw Error(failure->code, failure->text);
  return std::get<ReadyAnswer>(answer);
}

/// Takes a command's output until its answer comes. What the sink throws ends the command, and is thrown when
/// that is over.
class AttachedCall {
 public:
  AttachedCall(FrameSocket& socket, base::ByteSink& output, const RunOptions& options)
      : socket_(socket), output_(output), options_(options) {}

  Frame await() {
    const std::stop_callback onStop(options_.stop, [this] {
      const char byte = 's';
      ::send(socket_.socket().get(), &byte, 1, MSG_NOSIGNAL | MSG_DONTWAIT);
    });
    for (;;) {
      auto frame = socket_.receive();
      if (!frame) {
        if (parked_) std::rethrow_exception(parked_);
        throwGone();
      }
      if (frame->kind != FrameKind::answer) {
        pass(*frame);
        continue;
      }
      if (parked_) std::rethrow_exception(parked_);
      return std::move(*frame);
    }
  }

 private:
  void pass(const Frame& frame) {
    if (parked_) return;
    try {
      if (frame.kind == FrameKind::output) output_.write(frame.bytes);
      if (frame.kind == FrameKind::refusedHost && options_.onRefusedHost) options_.onRefusedHost(frame.bytes);
    } catch (...) {
      parked_ = std::current_exception();
      socket_.endSending();
    }
  }

  FrameSocket& socket_;
  base::ByteSink& output_;
  const RunOptions& options_;
  std::exception_ptr parked_;
};

class RemoteRuntime : public SupervisedRuntime {
 public:
  RemoteRuntime(base::ChildProcess child, base::Fd channel, ReadyAnswer ready, std::function<void()> onDeath)
      : child_(std::move(child)),
        channel_(std::move(channel)),
        ready_(std::move(ready)),
        onDeath_(std::move(onDeath)),
        closing_(base::makeEventFd()),
        guard_([this] { guard(); }) {}

  ~RemoteRuntime() override {
    base::signalEvent(closing_);
    guard_.join();
    idle_.clear();
    try {
      sendOnChannel(channel_, kEnd);
      channel_.reset();
      child_.waitFor(kEndWait);
    } catch (const std::exception&) {  // it is killed then, with the object
    }
  }

  RunResult run(const ContainerSpec& spec, base::ByteSink& output, const RunOptions& options) override {
    return attached(RunCall{tidy(spec), timesOf(options)}, {}, output, options);
  }
  RunningContainer start(const ContainerSpec& spec, const fs::path& logFile) override {
    CHECK(!spec.filter);  // it would end with the supervisor
    if (!logFile.is_absolute())
      throw Error(Errc::invalidArgument, "a container's log file must be given by an absolute path");
    return ask<RunningContainer>(StartCall{tidy(spec), tidy(logFile)});
  }
  RunResult exec(const std::string& id, const ExecSpec& spec, base::ByteSink& output,
                 const RunOptions& options) override {
    std::vector<int> fds;
    for (const base::Fd* fd : {spec.input, spec.terminal})
      if (fd != nullptr) fds.push_back(fd->get());
    return attached(ExecCall{.id = id,
                             .argv = spec.argv,
                             .environment = spec.environment,
                             .hasInput = spec.input != nullptr,
                             .hasTerminal = spec.terminal != nullptr,
                             .times = timesOf(options)},
                    fds, output, options);
  }
  std::optional<ContainerStatus> status(const std::string& id) override;
  void signal(const std::string& id, int signalNumber) override { ask<Done>(SignalCall{id, signalNumber}); }
  void holdOutput(const std::string& id) override { ask<Done>(HoldCall{id}); }
  void resumeOutput(const std::string& id) override { ask<Done>(ResumeCall{id}); }
  bool waitForExit(const std::string& id, std::chrono::milliseconds timeout) override;
  void remove(const std::string& id) override {
    {
      const std::lock_guard lock(watchedMutex_);
      watched_.erase(id);
    }
    ask<Done>(RemoveCall{id});
  }
  std::vector<std::string> list() override { return ask<IdsAnswer>(ListCall{}).ids; }
  void setNetworkGroups(const std::vector<NetworkGroup>& groups) override { ask<Done>(GroupsCall{groups}); }
  ContainerUsage usage(const std::string& id) override { return ask<ContainerUsage>(UsageCall{id}); }
  std::uint64_t writtenBytes(const std::string& id) override {
    return ask<BytesAnswer>(WrittenCall{id}).bytes;
  }
  std::uint64_t unlinkedBytes(const std::string& id, dev_t device) override {
    return ask<BytesAnswer>(UnlinkedCall{id, device}).bytes;
  }
  std::uint32_t hostId(std::uint32_t containerId) const override {
    return ready_.userNamespaceBase + containerId;
  }
  std::string describe() const override { return ready_.description; }
  pid_t pid() const override { return child_.pid(); }

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

  FrameSocket connect();
  FrameSocket takeIdle();
  void keepIdle(FrameSocket socket);
  static Answer answerOf(const Frame& frame);
  Answer askFor(const Call& call, std::vector<base::Fd>& fds);
  template <typename Wanted>
  Wanted ask(const Call& call) {
    std::vector<base::Fd> fds;
    Answer answer = askFor(call, fds);
    return std::move(std::get<Wanted>(answer));
  }
  RunResult attached(const Call& call, const std::vector<int>& fds, base::ByteSink& output,
                     const RunOptions& options);
  WatchedRef watchedOf(const std::string& id);
  void guard();

  base::ChildProcess child_;
  base::Fd channel_;
  const ReadyAnswer ready_;
  const std::function<void()> onDeath_;
  const base::Fd closing_;
  std::mutex idleMutex_;
  std::vector<FrameSocket> idle_;  // guarded by idleMutex_
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

FrameSocket RemoteRuntime::connect() {
  auto [ours, theirs] = makeConnection();
  if (!sendOnChannel(channel_, kConnect, &theirs)) throwGone();
  return FrameSocket(std::move(ours));
}

FrameSocket RemoteRuntime::takeIdle() {
  {
    const std::lock_guard lock(idleMutex_);
    if (!idle_.empty()) {
      FrameSocket socket = std::move(idle_.back());
      idle_.pop_back();
      return socket;
    }
  }
  return connect();
}

void RemoteRuntime::keepIdle(FrameSocket socket) {
  const std::lock_guard lock(idleMutex_);
  if (idle_.size() < kIdleConnections) idle_.push_back(std::move(socket));
}

Answer RemoteRuntime::answerOf(const Frame& frame) {
  Answer answer = decodeAnswer(frame.bytes);
  if (const auto* failure = std::get_if<Failure>(&answer)) throw Error(failure->code, failure->text);
  return answer;
}

Answer RemoteRuntime::askFor(const Call& call, std::vector<base::Fd>& fds) {
  FrameSocket socket = takeIdle();
  // What refuses a connection says so and closes it, so that its words are there even if ours found no
  // reader.
  socket.send(FrameKind::call, encodeCall(call));
  auto frame = socket.receive();
  if (!frame) throwGone();
  fds = std::move(frame->fds);
  Answer answer = decodeAnswer(frame->bytes);
  const auto* failure = std::get_if<Failure>(&answer);
  if (failure == nullptr || failure->code != Errc::overloaded) keepIdle(std::move(socket));
  if (failure != nullptr) throw Error(failure->code, failure->text);
  return answer;
}

RunResult RemoteRuntime::attached(const Call& call, const std::vector<int>& fds, base::ByteSink& output,
                                  const RunOptions& options) {
  FrameSocket socket = connect();
  socket.send(FrameKind::call, encodeCall(call), fds);
  return std::get<RunResult>(answerOf(AttachedCall(socket, output, options).await()));
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
  Answer answer = askFor(StatusCall{id}, fds);
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
                                                   std::function<void()> onDeath) {
  auto [ours, theirs] = makeChannel();
  base::ChildProcess child = spawn(command, std::move(theirs));
  if (!sendOnChannel(ours, encodeSettings(tidy(settings))))
    throw Error(Errc::unavailable,
                "the supervisor, which makes containers, has not started: " + child.wait().describe());
  ReadyAnswer ready = awaitReady(ours, child);
  return std::make_unique<RemoteRuntime>(std::move(child), std::move(ours), std::move(ready),
                                         std::move(onDeath));
}

}  // namespace sandbox
