#include "runner/local_one_offs.h"

#include <fcntl.h>

#include <algorithm>
#include <condition_variable>
#include <csignal>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <tuple>

#include "base/atomic_file.h"
#include "base/digest.h"
#include "base/error.h"
#include "base/guarded.h"
#include "base/log.h"
#include "base/strings.h"
#include "runner/detail/detached_file.h"
#include "runner/detail/exec_in_process.h"
#include "runner/detail/launch_plan.h"
#include "runner/detail/process.h"
#include "runner/detail/terminal_link.h"

namespace runner {
namespace {

using base::Errc;
using base::Error;

constexpr std::chrono::milliseconds kKillGrace{5000};
constexpr std::chrono::seconds kRemovalTime{60};
constexpr int kTimedOut = 124;
constexpr int kLost = 128 + SIGKILL;                  // nobody saw its exit
constexpr std::string_view kReleaseType = "release";  // beyond run_max_sessions: a deploy waits for it
constexpr std::string_view kCronType = "cron";
constexpr std::string_view kTerminal = "/dev/fairlead-terminal";
constexpr std::string_view kInput = "/dev/fairlead-input";
// A process of its own session, so that the terminal's keys reach all that it starts.
constexpr const char* kWithTerminal =
    "exec setsid --ctty --wait /fairlead/start \"$@\" <>/dev/fairlead-terminal >&0 2>&0";
constexpr const char* kWithInput = "exec /fairlead/start \"$@\" </dev/fairlead-input";

bool isOneOff(const std::string& container) {
  const std::vector<std::string> parts = base::split(container, '.');
  return parts.size() == 4 && parts[1] == "run" && store::AppName::tryParse(parts[0]);
}

/// The platform's part that tells of one-off processes of a type in the app's log.
const char* partOf(const std::string& type) {
  return type == kCronType ? "cron" : "run";
}

/// See OneOffRunner.
class LocalOneOffs : public OneOffRunner {
 public:
  LocalOneOffs(OneOffConfig config, LocalEngineConfig engine, sandbox::ContainerRuntime& runtime,
               sandbox::ForeignTrees& trees, AppLog& log, LayerFolder layerFolder, const base::Clock& clock)
      : config_(std::move(config)),
        engine_(std::move(engine)),
        runtime_(runtime),
        trees_(trees),
        log_(log),
        layerFolder_(std::move(layerFolder)),
        clock_(clock) {
    std::filesystem::create_directories(detachedFolder());
    for (const auto& entry : std::filesystem::directory_iterator(config_.folder))
      if (entry.path() != detachedFolder()) base::removeTree(entry.path());
    adopt();
    for (const std::string& id : runtime_.list())
      if (isOneOff(id) && !isAdopted(id)) runtime_.remove(id);
    watcher_ = std::jthread([this](const std::stop_token& stop) { watch(stop); });
  }

  ~LocalOneOffs() override {
    stopAttached();
    watcher_.request_stop();
    watcher_.join();
    // They run on. Their places are given back without the lock, which they take.
    const auto left = state_.with([](State& state) { return std::move(state.detached); });
  }

  void stopAttached() override {
    state_.with([](State& state) {
      state.closed = true;
      for (auto& [key, session] : state.sessions)
        if (!session.detached) session.stop.request_stop();
      for (auto& [key, stop] : state.execs)
        stop.request_stop();
    });
  }

  void stopAll() override {
    stopAttached();
    state_.with([](State& state) {
      for (auto& [key, session] : state.sessions)
        session.stop.request_stop();
    });
    wake();
    std::unique_lock lock(watchMutex_);
    gone_.wait_for(lock, kKillGrace + kRemovalTime,
                   [&] { return state_.with([](const State& state) { return state.detached.empty(); }); });
  }

  OneOffEnd run(const OneOff& wanted, base::Interaction& client, std::stop_token stop) override {
    const Place place(*this, wanted, Session::Kind::attached);
    std::stop_source ended = place.stop();
    const std::stop_callback onStop(stop, [&] { ended.request_stop(); });
    sandbox::ContainerSpec spec = specOf(wanted, place);
    const sandbox::TreeOwner owner{.uid = spec.uid, .gid = spec.gid};
    if (client.terminal()) {
      base::DiscardSink rest;
      std::optional<detail::TerminalLink> link(std::in_place, client, trees_, owner, ended);
      spec.mounts.push_back({link->path(), std::string(kTerminal), false});
      spec.environment.emplace_back("TERM", client.terminalType().empty() ? "xterm" : client.terminalType());
      enter(spec, kWithTerminal);
      const OneOffEnd end = runToEnd(wanted, place, spec, rest);
      link.reset();
      return end;
    }
    const detail::InputPipe input(client, config_.folder / spec.id);
    client.begin([](base::TerminalSize) {});
    spec.mounts.push_back({input.path(), std::string(kInput), false});
    enter(spec, kWithInput);
    return runToEnd(wanted, place, spec, client.output());
  }

  OneOffEnd exec(const Exec& wanted, base::Interaction& client, std::stop_token stop) override {
    const ExecPlace place(*this);
    return detail::execInProcess({runtime_, trees_, log_, config_.folder}, wanted, client, std::move(stop),
                                 place.stop());
  }

  std::string runDetached(const OneOff& wanted) override {
    auto detached = std::make_shared<Detached>(detail::DetachedFile{.app = wanted.deployment.app});
    detached->place.emplace(*this, wanted, Session::Kind::detached);
    const std::string name = detached->place->name();
    const sandbox::ContainerSpec spec = specOf(wanted, *detached->place);
    detached->file = {.app = wanted.deployment.app,
                      .type = wanted.type,
                      .index = detached->place->index(),
                      .release = wanted.deployment.release,
                      .command = wanted.title(),
                      .container = spec.id,
                      .startedAt = clock_.now(),
                      .timeout = wanted.timeout,
                      .bootId = detail::thisBootId()};
    // Written down first: a container that no file names is removed by the next daemon.
    detached->file.save(detachedFolder());
    noteStart(wanted, name);
    try {
      runtime_.start(spec, log_.spoolFile(wanted.deployment.app, name, spec.id));
    } catch (const std::exception& failure) {
      detached->file.remove(detachedFolder());
      log_.append(wanted.deployment.app, partOf(wanted.type),
                  name + " failed: " + base::publicMessage(failure));
      throw;
    }
    state_.with([&](State& state) { state.detached.emplace(spec.id, std::move(detached)); });
    wake();
    return name;
  }

  std::vector<ProcessStatus> processes(const store::AppName& app) override {
    return state_.with([&](State& state) {
      std::vector<ProcessStatus> list;
      for (const auto& [key, session] : state.sessions)
        if (std::get<0>(key) == app) list.push_back(session.status);
      return list;
    });
  }

  void stop(const store::AppName& app, const std::string& name) override {
    bool found = name.empty();
    state_.with([&](State& state) {
      for (auto& [key, session] : state.sessions) {
        if (std::get<0>(key) != app || (!name.empty() && session.status.name != name)) continue;
        session.stop.request_stop();
        found = true;
      }
    });
    wake();
    if (!found)
      throw Error(Errc::notFound,
                  "no process \"" + base::printable(name) + "\" is running: fairlead ps lists them");
  }

 private:
  struct Session {
    enum class Kind { attached, detached };
    ProcessStatus status;
    std::stop_source stop;
    bool detached = false;
  };
  using Key = std::tuple<store::AppName, std::string, int>;  // app, type, number

  struct Detached;

  struct State {
    std::map<Key, Session> sessions;
    std::map<std::string, std::shared_ptr<Detached>>
        detached;  // by container; shared with the watcher's round
    std::map<std::uint64_t, std::stop_source> execs;
    std::uint64_t nextExec = 1;
    bool closed = false;

    void requireRoom(std::size_t most) const {
      if (closed) throw Error(Errc::unavailable, "the server is shutting down");
      if (sessions.size() + execs.size() >= most)
        throw Error(Errc::overloaded,
                    "as many one-off processes run as the setting run_max_sessions allows: "
                    "wait for one to end");
    }
  };

  /// One of the sessions, while it lives.
  class Place {
   public:
    Place(LocalOneOffs& owner, const OneOff& wanted, Session::Kind kind)
        : owner_(owner), key_(wanted.deployment.app, wanted.type, std::max(wanted.number, 1)) {
      if (wanted.command.empty()) throw Error(Errc::invalidArgument, "what shall run? Give a command");
      owner_.state_.with([&](State& state) {
        if (state.closed) throw Error(Errc::unavailable, "the server is shutting down");
        if (wanted.type != kReleaseType) state.requireRoom(owner_.config_.maxSessions);
        while (state.sessions.contains(key_))
          ++std::get<2>(key_);
        container_ =
            wanted.deployment.app.str() + ".run." + std::to_string(index()) + "." + base::randomHex(4);
        enter(state, kind,
              {.name = name(),
               .type = wanted.type,
               .release = wanted.deployment.release,
               .state = ProcessState::up,
               .since = owner_.clock_.now(),
               .command = wanted.title(),
               .lastExit = "",
               .address = "",
               .container = container_});
      });
    }
    /// That of an earlier daemon.
    Place(LocalOneOffs& owner, const detail::DetachedFile& file)
        : owner_(owner), key_(file.app, file.type, file.index), container_(file.container) {
      owner_.state_.with([&](State& state) {
        enter(state, Session::Kind::detached,
              {.name = name(),
               .type = file.type,
               .release = file.release,
               .state = ProcessState::up,
               .since = file.startedAt,
               .command = file.command,
               .lastExit = "",
               .address = "",
               .container = container_});
      });
    }
    ~Place() {
      owner_.state_.with([&](State& state) { state.sessions.erase(key_); });
    }
    Place(const Place&) = delete;
    Place& operator=(const Place&) = delete;
    std::string name() const { return std::get<1>(key_) + "." + std::to_string(index()); }
    int index() const { return std::get<2>(key_); }
    /// Not the form of the app's other processes: a deploy removes those that it does not know.
    const std::string& container() const { return container_; }
    std::stop_source stop() const { return stop_; }

   private:
    void enter(State& state, Session::Kind kind, ProcessStatus status) {
      state.sessions.emplace(
          key_,
          Session{.status = std::move(status), .stop = stop_, .detached = kind == Session::Kind::detached});
    }

    LocalOneOffs& owner_;
    Key key_;
    std::string container_;
    std::stop_source stop_;
  };

  /// One that outlives this daemon. Its file and place do not change; the rest is the watcher's alone.
  struct Detached {
    explicit Detached(detail::DetachedFile known) : file(std::move(known)) {}

    detail::DetachedFile file;
    std::optional<Place> place;
    std::optional<OneOffEnd> ending;  ///< why it was told to end
    std::optional<OneOffEnd> end;     ///< that the log has
    bool killed = false;
    std::chrono::steady_clock::time_point killAt;
    std::string failure;  ///< the last one that was logged
  };

  /// One of the commands in other processes, while it lives.
  class ExecPlace {
   public:
    explicit ExecPlace(LocalOneOffs& owner) : owner_(owner) {
      owner_.state_.with([&](State& state) {
        state.requireRoom(owner_.config_.maxSessions);
        key_ = state.nextExec++;
        state.execs.emplace(key_, stop_);
      });
    }
    ~ExecPlace() {
      owner_.state_.with([&](State& state) { state.execs.erase(key_); });
    }
    ExecPlace(const ExecPlace&) = delete;
    ExecPlace& operator=(const ExecPlace&) = delete;
    std::stop_source stop() const { return stop_; }

   private:
    LocalOneOffs& owner_;
    std::uint64_t key_ = 0;
    std::stop_source stop_;
  };

  sandbox::ContainerSpec specOf(const OneOff& wanted, const Place& place) {
    Deployment deployment = wanted.deployment;
    for (const auto& [name, value] : wanted.environment)
      deployment.environment[name] = value;
    std::vector<std::filesystem::path> layers;
    for (const store::Layer& layer : deployment.layers)
      layers.push_back(layerFolder_(layer));
    const detail::Slot slot{wanted.type, place.index()};
    sandbox::ContainerSpec spec = detail::makeSpec(deployment, slot, std::move(layers), engine_);
    spec.id = place.container();
    spec.networkGroup = deployment.app.str();  // as the engine calls it
    if (wanted.memoryBytes > 0) spec.limits.memoryBytes = wanted.memoryBytes;
    if (wanted.cpus > 0) spec.limits.cpus = wanted.cpus;
    spec.argv = {"/fairlead/start"};
    spec.argv.insert(spec.argv.end(), wanted.command.begin(), wanted.command.end());
    return spec;
  }

  /// By a shell, which opens what the program reads.
  static void enter(sandbox::ContainerSpec& spec, const char* script) {
    std::vector<std::string> argv{"/bin/sh", "-c", script};
    argv.insert(argv.end(), spec.argv.begin(), spec.argv.end());
    spec.argv = std::move(argv);
  }

  void noteStart(const OneOff& wanted, const std::string& name) {
    log_.append(wanted.deployment.app, partOf(wanted.type),
                name + " started by " + wanted.user + ": " + base::printable(wanted.title(), 200));
  }

  static std::string overTime(std::chrono::seconds timeout, const std::string& type) {
    return "was ended after " + std::to_string(timeout.count()) +
           (type == kCronType ? " s (its timeout in app.json, or cron_timeout_s)"
                              : " s (--timeout, or run_timeout_s)");
  }

  OneOffEnd runToEnd(const OneOff& wanted, const Place& place, const sandbox::ContainerSpec& spec,
                     base::ByteSink& output) {
    noteStart(wanted, place.name());
    const sandbox::RunResult result = runtime_.run(
        spec, output, {.timeout = wanted.timeout, .stop = place.stop().get_token(), .killGrace = kKillGrace});
    OneOffEnd end{
        .name = place.name(), .exitCode = result.status.code, .reason = detail::describeExit(result.status)};
    if (result.end == sandbox::RunResult::End::timedOut) {
      end.reason = overTime(wanted.timeout, wanted.type);
      end.exitCode = kTimedOut;
      end.how = OneOffEnd::How::timedOut;
    } else if (result.end == sandbox::RunResult::End::cancelled) {
      end.reason = "was stopped";
      end.how = OneOffEnd::How::stopped;
    }
    log_.append(wanted.deployment.app, partOf(wanted.type), place.name() + " " + end.reason);
    return end;
  }

  std::filesystem::path detachedFolder() const { return config_.folder / "detached"; }

  /// Those that an earlier daemon left; the watcher finds out which of them have ended.
  void adopt() {
    for (detail::DetachedFile& file : detail::DetachedFile::load(detachedFolder())) {
      auto detached = std::make_shared<Detached>(std::move(file));
      detached->place.emplace(*this, detached->file);
      const std::string container = detached->file.container;
      state_.with([&](State& state) { state.detached.emplace(container, std::move(detached)); });
    }
  }

  bool isAdopted(const std::string& container) const {
    return state_.with([&](const State& state) { return state.detached.contains(container); });
  }

  void wake() {
    {
      const std::lock_guard lock(watchMutex_);
      ++wakes_;
    }
    changed_.notify_all();
  }

  void watch(const std::stop_token& stop) {
    while (!stop.stop_requested()) {
      std::unique_lock lock(watchMutex_);
      const std::uint64_t seen = wakes_;
      lock.unlock();
      std::vector<std::shared_ptr<Detached>> all;
      state_.with([&](const State& state) {
        for (const auto& [container, detached] : state.detached)
          all.push_back(detached);
      });
      for (const auto& each : all)
        lookAt(*each);
      lock.lock();
      const auto woken = [&] { return wakes_ != seen; };
      if (all.empty())
        changed_.wait(lock, stop, woken);
      else
        changed_.wait_for(lock, stop, config_.poll, woken);
    }
  }

  /// The top of the watcher's job: a process that cannot be looked at now is looked at again.
  void lookAt(Detached& detached) noexcept {
    try {
      const std::string container = detached.file.container;
      if (runtime_.waitForExit(container, std::chrono::milliseconds(0))) return finish(detached);
      const auto now = std::chrono::steady_clock::now();
      if (!detached.ending) {
        const std::string name = detached.place->name();
        if (detached.place->stop().stop_requested())
          detached.ending = OneOffEnd{name, 128 + SIGTERM, "was stopped", OneOffEnd::How::stopped};
        else if (clock_.now() >= detached.file.startedAt + detached.file.timeout)
          detached.ending = OneOffEnd{name, kTimedOut, overTime(detached.file.timeout, detached.file.type),
                                      OneOffEnd::How::timedOut};
        else
          return;
        detached.killAt = now + kKillGrace;
        runtime_.signal(container, SIGTERM);
      } else if (now >= detached.killAt && !detached.killed) {
        detached.killed = true;
        runtime_.signal(container, SIGKILL);
      }
    } catch (const std::exception& failure) {
      if (detached.failure == failure.what()) return;
      detached.failure = failure.what();
      base::Log("runner").error("one-off process cannot be watched",
                                {{"container", detached.file.container}, {"error", failure.what()}});
    }
  }

  OneOffEnd endOf(const Detached& detached) {
    if (detached.ending) return *detached.ending;
    const std::string name = detached.place->name();
    const auto status = runtime_.status(detached.file.container);
    const auto lost = OneOffEnd::How::lost;
    if (detached.file.bootId != detail::thisBootId()) return {name, kLost, "ended with the machine", lost};
    if (!status) return {name, kLost, "was lost when the server was killed", lost};
    return {name, status->exit.code, detail::describeExit(status->exit)};
  }

  void finish(Detached& detached) {
    if (!detached.end) {
      detached.end = endOf(detached);
      log_.append(detached.file.app, partOf(detached.file.type),
                  detached.end->name + " " + detached.end->reason);
    }
    // While the container is there, which has the exit code: after a kill the next daemon tells the same.
    if (config_.ended) config_.ended(detached.file.app, *detached.end);
    const std::string container = detached.file.container;
    runtime_.remove(container);
    detached.file.remove(detachedFolder());
    detached.place.reset();
    state_.with([&](State& state) { state.detached.erase(container); });  // the watcher's round has it still
    const std::lock_guard lock(watchMutex_);
    gone_.notify_all();
  }

  const OneOffConfig config_;
  const LocalEngineConfig engine_;
  sandbox::ContainerRuntime& runtime_;
  sandbox::ForeignTrees& trees_;
  AppLog& log_;
  const LayerFolder layerFolder_;
  const base::Clock& clock_;
  base::Guarded<State> state_;
  std::mutex watchMutex_;
  std::condition_variable_any changed_;
  std::condition_variable gone_;
  std::uint64_t wakes_ = 0;
  std::jthread watcher_;  // last: it uses what is above
};

}  // namespace

std::unique_ptr<OneOffRunner> makeLocalOneOffs(OneOffConfig config, LocalEngineConfig engine,
                                               sandbox::ContainerRuntime& runtime,
                                               sandbox::ForeignTrees& trees, AppLog& log,
                                               LayerFolder layerFolder, const base::Clock& clock) {
  return std::make_unique<LocalOneOffs>(std::move(config), std::move(engine), runtime, trees, log,
                                        std::move(layerFolder), clock);
}

}  // namespace runner
