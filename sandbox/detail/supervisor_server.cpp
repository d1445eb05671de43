#include "sandbox/detail/supervisor_server.h"

#include <poll.h>
#include <pthread.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <functional>
#include <optional>
#include <stop_token>
#include <string>
#include <system_error>
#include <utility>

#include "base/error.h"
#include "base/log.h"

namespace sandbox {
namespace {

using base::Errc;
using base::Error;

Failure failureOf(const std::exception& failure) {
  constexpr std::size_t kMaxBytes = 8u << 10;
  if (const auto* error = dynamic_cast<const Error*>(&failure))
    return {error->code(), std::string(error->what()).substr(0, kMaxBytes)};
  base::Log("sandbox").warn("a call has failed", {{"reason", failure.what()}});
  return {Errc::io, base::publicMessage(failure)};
}

/// While an attached command runs: any byte that comes asks for its end, and the end of the stream says that
/// nobody waits for it any more.
class CallWatch {
 public:
  CallWatch(const FrameSocket& socket, std::function<void()> kill)
      : socket_(socket), kill_(std::move(kill)), over_(base::makeEventFd()), thread_([this] { watch(); }) {}
  ~CallWatch() {
    base::signalEvent(over_);
    thread_.join();
  }
  CallWatch(const CallWatch&) = delete;
  CallWatch& operator=(const CallWatch&) = delete;

  std::stop_token stop() const { return stop_.get_token(); }
  bool abandoned() const noexcept { return abandoned_; }

 private:
  void watch() {
    ::pthread_setname_np(::pthread_self(), "call-watch");
    std::array<char, 256> bytes;
    for (;;) {
      std::array<pollfd, 2> entries{{{socket_.socket().get(), POLLIN, 0}, {over_.get(), POLLIN, 0}}};
      if (::poll(entries.data(), entries.size(), -1) < 0) continue;
      if (entries[1].revents != 0) return;
      const ssize_t count = ::recv(socket_.socket().get(), bytes.data(), bytes.size(), MSG_DONTWAIT);
      if (count < 0 && (errno == EAGAIN || errno == EINTR)) continue;
      if (count <= 0) break;
      stop_.request_stop();
    }
    abandoned_ = true;
    stop_.request_stop();
    try {
      kill_();
    } catch (const std::exception& failure) {  // the top of a thread: it was asked to stop all the same
      base::Log("sandbox").warn("what nobody waits for could not be killed", {{"reason", failure.what()}});
    }
  }

  const FrameSocket& socket_;
  const std::function<void()> kill_;
  const base::Fd over_;
  std::stop_source stop_;
  std::atomic<bool> abandoned_ = false;
  std::thread thread_;
};

/// A command's output, as frames.
class FrameSink : public base::ByteSink {
 public:
  FrameSink(FrameSocket& socket, const CallWatch& watch) : socket_(socket), watch_(watch) {}
  void write(std::string_view bytes) override { send(FrameKind::output, bytes); }
  void tellRefused(const std::string& host) { send(FrameKind::refusedHost, host); }

 private:
  void send(FrameKind kind, std::string_view bytes) {
    if (watch_.abandoned() || !socket_.send(kind, bytes))
      throw Error(Errc::cancelled, "nobody waits for the command any more");
  }

  FrameSocket& socket_;
  const CallWatch& watch_;
};

/// What is done for each call. The descriptors are those that came with it.
class Caller {
 public:
  Caller(const ServedParts& parts, FrameSocket& socket, std::vector<base::Fd> fds)
      : runtime_(parts.runtime),
        policy_(parts.policy),
        files_(parts.files),
        programs_(parts.programs),
        socket_(socket),
        fds_(std::move(fds)) {}

  /// Those that go with the answer.
  const std::vector<base::Fd>& answered() const noexcept { return answered_; }
  /// Attached commands have their connection for themselves.
  bool isLast() const noexcept { return isLast_; }

  Answer operator()(const RunCall& call) {
    isLast_ = true;
    const HeldSpec held = policy_.hold(call.spec);
    CallWatch watch(socket_, [&] { runtime_.signal(call.spec.id, SIGKILL); });
    FrameSink sink(socket_, watch);
    return runtime_.run(held.spec, sink, options(call.times, watch, sink));
  }
  Answer operator()(const StartCall& call) {
    const HeldPath log = policy_.holdLog(call.logFile);
    const HeldSpec held = policy_.hold(call.spec);
    if (call.spec.filter)
      throw Error(Errc::invalidArgument, "a container that stays can have no network filter");
    return runtime_.start(held.spec, log.path);
  }
  Answer operator()(const ExecCall& call) {
    isLast_ = true;
    requireFds(std::size_t{call.hasInput} + std::size_t{call.hasTerminal});
    ExecSpec spec{.argv = call.argv, .environment = call.environment};
    if (call.hasInput) spec.input = &fds_.front();
    if (call.hasTerminal) spec.terminal = &fds_.back();
    CallWatch watch(socket_, [] {});
    FrameSink sink(socket_, watch);
    return runtime_.exec(call.id, spec, sink, options(call.times, watch, sink));
  }
  Answer operator()(const StatusCall& call) {
    StatusAnswer answer{runtime_.status(call.id)};
    if (!answer.status || !answer.status->running) return answer;
    if (auto handles = runtime_.handles(call.id)) {
      answered_.push_back(std::move(handles->init));
      if (handles->monitor.valid()) answered_.push_back(std::move(handles->monitor));
    }
    return answer;
  }
  Answer operator()(const SignalCall& call) { return runtime_.signal(call.id, call.number), Done{}; }
  Answer operator()(const HoldCall& call) { return runtime_.holdOutput(call.id), Done{}; }
  Answer operator()(const ResumeCall& call) { return runtime_.resumeOutput(call.id), Done{}; }
  Answer operator()(const RemoveCall& call) { return runtime_.remove(call.id), Done{}; }
  Answer operator()(const ListCall&) { return IdsAnswer{runtime_.list()}; }
  Answer operator()(const GroupsCall& call) { return runtime_.setNetworkGroups(call.groups), Done{}; }
  Answer operator()(const UsageCall& call) { return runtime_.usage(call.id); }
  Answer operator()(const WrittenCall& call) { return BytesAnswer{runtime_.writtenBytes(call.id)}; }
  Answer operator()(const UnlinkedCall& call) {
    return BytesAnswer{runtime_.unlinkedBytes(call.id, call.device)};
  }
  Answer operator()(const GiveCall& call) {
    return files_.give(policy_.holdTree(call.path).path, call.owner, depthOf(call.whole)), Done{};
  }
  Answer operator()(const TakeBackCall& call) {
    if (!call.whole && policy_.isLog(call.path))
      return files_.takeLog(policy_.holdLog(call.path).path), Done{};
    return files_.takeBack(policy_.holdTree(call.path).path, depthOf(call.whole)), Done{};
  }
  Answer operator()(const RemoveTreeCall& call) {
    if (const auto held = policy_.findTree(call.path)) files_.remove(held->path);
    return Done{};
  }
  Answer operator()(const MergeCall& call) {
    const HeldPath changes = policy_.holdTree(call.changes);
    const HeldPath kept = policy_.holdTree(call.kept);
    const HeldPath trash = policy_.holdTree(call.trash);
    return files_.merge(changes.path, kept.path, trash.path), Done{};
  }
  Answer operator()(const DiskBytesCall& call) {
    isLast_ = true;
    const HeldPath tree = policy_.holdTree(call.path);
    const CallWatch watch(socket_, [] {});
    return BytesAnswer{files_.diskBytes(tree.path, watch.stop())};
  }
  Answer operator()(const GiveTerminalCall& call) {
    requireFds(1);
    return files_.giveTerminal(fds_.front(), call.owner), Done{};
  }
  Answer operator()(const UnpackLayerCall& call) {
    requireFds(1);
    return files_.unpackLayer(fds_.front(), policy_.holdTree(call.folder).path), Done{};
  }
  Answer operator()(const StartProgramCall& call) {
    requireFds(1);
    auto started = programs_.start(call.name, fds_.front());
    answered_.push_back(std::move(started.pidFd));
    return PidAnswer{started.pid};
  }
  Answer operator()(const SignalProgramCall& call) {
    return programs_.signal(call.name, call.pid, call.number), Done{};
  }
  Answer operator()(const RunProgramCall& call) {
    isLast_ = true;
    requireFds(2);
    const CallWatch watch(socket_, [] {});
    RunResult result;
    result.status = programs_.run(call.name, fds_.front(), fds_.back(), watch.stop());
    return result;
  }
  Answer operator()(const OpenFileCall& call) {
    answered_.push_back(policy_.openReadable(call.path));
    return Done{};
  }

 private:
  static ForeignTrees::Depth depthOf(bool whole) {
    return whole ? ForeignTrees::Depth::whole : ForeignTrees::Depth::itself;
  }
  void requireFds(std::size_t count) const {
    if (fds_.size() != count)
      throw Error(Errc::invalidArgument, "a call's descriptors are missing, or too many");
  }
  static RunOptions options(const RunTimes& times, const CallWatch& watch, FrameSink& sink) {
    return {.timeout = times.timeout,
            .idleTimeout = times.idleTimeout,
            .stop = watch.stop(),
            .killGrace = times.killGrace,
            .onRefusedHost = [&sink](const std::string& host) { sink.tellRefused(host); }};
  }

  LocalRuntime& runtime_;
  const PathPolicy& policy_;
  HostFiles& files_;
  HostPrograms& programs_;
  FrameSocket& socket_;
  std::vector<base::Fd> fds_;
  std::vector<base::Fd> answered_;
  bool isLast_ = false;
};

bool sendAnswer(FrameSocket& socket, const Answer& answer, const std::vector<base::Fd>& fds = {}) {
  std::vector<int> numbers;
  for (const base::Fd& fd : fds)
    numbers.push_back(fd.get());
  return socket.send(FrameKind::answer, encodeAnswer(answer), numbers);
}

}  // namespace

void SupervisorServer::serve(Connection& connection) noexcept {
  ::pthread_setname_np(::pthread_self(), "call");
  FrameSocket& socket = connection.socket;
  try {
    for (bool goesOn = true; goesOn;) {
      auto frame = socket.receive();
      if (!frame || frame->kind != FrameKind::call) break;
      Caller caller(parts_, socket, std::move(frame->fds));
      Answer answer;
      try {
        answer = std::visit(caller, decodeCall(frame->bytes));
      } catch (const std::exception& failure) {
        answer = failureOf(failure);
      }
      goesOn = sendAnswer(socket, answer, caller.answered()) && !caller.isLast();
    }
  } catch (const std::exception& failure) {  // the top of a thread: the connection's end is the answer
    base::Log("sandbox").debug("a connection has ended", {{"reason", failure.what()}});
  }
  const std::lock_guard lock(mutex_);
  const base::Fd closed = socket.release();
  connection.ended = true;
}

void SupervisorServer::joinEnded() {
  std::list<Connection> ended;
  {
    const std::lock_guard lock(mutex_);
    for (auto each = connections_.begin(); each != connections_.end();) {
      const auto next = std::next(each);
      if (each->ended) ended.splice(ended.end(), connections_, each);
      each = next;
    }
  }
  for (Connection& connection : ended)
    connection.thread.join();
}

void SupervisorServer::accept(base::Fd connection) {
  joinEnded();
  std::string refusal;
  {
    const std::lock_guard lock(mutex_);
    if (connections_.size() < maxCalls_) {
      Connection& added = connections_.emplace_back(std::move(connection));
      try {
        added.thread = std::thread([this, &added] { serve(added); });
        return;
      } catch (const std::system_error&) {
        refusal = "the supervisor can have no more threads";
        connection = added.socket.release();
        connections_.pop_back();
      }
    } else {
      refusal = "the supervisor does " + std::to_string(maxCalls_) +
                " things already, which is the most (supervisor_max_calls)";
    }
  }
  FrameSocket refused(std::move(connection));
  sendAnswer(refused, Failure{Errc::overloaded, refusal});
}

SupervisorServer::~SupervisorServer() {
  {
    const std::lock_guard lock(mutex_);
    for (Connection& connection : connections_)
      connection.socket.endBoth();
  }
  for (Connection& connection : connections_)
    connection.thread.join();
}

}  // namespace sandbox
