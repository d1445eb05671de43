#include "runner/local_one_offs.h"

#include <fcntl.h>

#include <algorithm>
#include <atomic>
#include <list>
#include <map>
#include <mutex>
#include <thread>

#include "base/atomic_file.h"
#include "base/digest.h"
#include "base/error.h"
#include "base/guarded.h"
#include "base/log.h"
#include "base/strings.h"
#include "runner/detail/cri_log.h"
#include "runner/detail/exec_in_process.h"
#include "runner/detail/launch_plan.h"
#include "runner/detail/process.h"
#include "runner/detail/terminal_link.h"

namespace runner {
namespace {

using base::Errc;
using base::Error;

constexpr std::chrono::milliseconds kKillGrace{5000};
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

/// Lines of a detached process, as conmon would write them. Who writes more than its budget waits, a tenth of
/// a second for each piece at most, so that the end of the process is noticed.
class LogSink : public base::ByteSink {
 public:
  LogSink(const std::filesystem::path& file, OutputBudget::Limits limits, const base::Clock& clock)
      : fd_(base::openFile(file, O_WRONLY | O_APPEND | O_CREAT, 0640)),
        clock_(clock),
        budget_(limits, 0, std::chrono::steady_clock::now()) {}
  ~LogSink() override {
    try {
      write("\n");
    } catch (const std::exception&) {  // the disk is full: the last line is lost
    }
  }
  LogSink(const LogSink&) = delete;
  LogSink& operator=(const LogSink&) = delete;

  void write(std::string_view bytes) override {
    constexpr std::size_t kMaxLine = 16u << 10;
    for (const char c : bytes) {
      if (c != '\n' && line_.size() < kMaxLine) {
        line_ += c;
        continue;
      }
      if (!line_.empty()) base::writeAll(fd_, detail::formatCriLine(detail::toLogTime(clock_.now()), line_));
      line_.clear();
      if (c != '\n') line_ += c;
    }
    written_ += bytes.size();
    constexpr std::chrono::milliseconds kWait{100};
    if (budget_.spend(written_, std::chrono::steady_clock::now())) std::this_thread::sleep_for(kWait);
  }

 private:
  base::Fd fd_;
  const base::Clock& clock_;
  OutputBudget budget_;
  std::uint64_t written_ = 0;
  std::string line_;
};

/// See OneOffRunner.
class LocalOneOffs : public OneOffRunner {
 public:
  LocalOneOffs(OneOffConfig config, LocalEngineConfig engine, sandbox::ContainerRuntime& runtime, AppLog& log,
               LayerFolder layerFolder, const base::Clock& clock)
      : config_(std::move(config)),
        engine_(std::move(engine)),
        runtime_(runtime),
        log_(log),
        layerFolder_(std::move(layerFolder)),
        clock_(clock) {
    base::removeTree(config_.folder);
    std::filesystem::create_directories(config_.folder);
    for (const std::string& id : runtime_.list())
      if (isOneOff(id)) runtime_.remove(id);
  }

  ~LocalOneOffs() override {
    stopAll();
    std::list<Detached> threads;
    state_.with([&](State& state) { threads = std::move(state.threads); });
    // They are joined here, before what they use goes.
  }

  void stopAll() override {
    state_.with([](State& state) {
      state.closed = true;
      for (auto& [key, session] : state.sessions)
        session.stop.request_stop();
      for (auto& [key, stop] : state.execs)
        stop.request_stop();
    });
  }

  OneOffEnd run(const OneOff& wanted, base::Interaction& client, std::stop_token stop) override {
    const Place place(*this, wanted);
    std::stop_source ended = place.stop();
    const std::stop_callback onStop(stop, [&] { ended.request_stop(); });
    sandbox::ContainerSpec spec = specOf(wanted, place);
    const uid_t owner = runtime_.hostId(spec.uid);
    if (client.terminal()) {
      base::DiscardSink rest;
      std::optional<detail::TerminalLink> link(std::in_place, client, owner, ended);
      spec.mounts.push_back({link->path(), std::string(kTerminal), false});
      spec.environment.emplace_back("TERM", client.terminalType().empty() ? "xterm" : client.terminalType());
      enter(spec, kWithTerminal);
      const OneOffEnd end = runToEnd(wanted, place, spec, rest);
      link.reset();
      return end;
    }
    const detail::InputPipe input(client, config_.folder / spec.id, owner);
    client.begin([](base::TerminalSize) {});
    spec.mounts.push_back({input.path(), std::string(kInput), false});
    enter(spec, kWithInput);
    return runToEnd(wanted, place, spec, client.output());
  }

  OneOffEnd exec(const Exec& wanted, base::Interaction& client, std::stop_token stop) override {
    const ExecPlace place(*this);
    return detail::execInProcess({runtime_, log_, config_.folder}, wanted, client, std::move(stop),
                                 place.stop());
  }

  std::string runDetached(const OneOff& wanted) override {
    auto place = std::make_shared<Place>(*this, wanted);
    const std::string name = place->name();
    auto ended = std::make_shared<std::atomic<bool>>(false);
    state_.with([&](State& state) {
      std::erase_if(state.threads, [](const Detached& each) { return each.ended->load(); });
      state.threads.push_back({ended, {}});
      state.threads.back().thread = std::jthread([this, wanted, ended, place = std::move(place)]() mutable {
        try {
          const sandbox::ContainerSpec spec = specOf(wanted, *place);
          LogSink sink(log_.spoolFile(wanted.deployment.app, place->name(), base::randomHex(8)),
                       config_.logRate, clock_);
          runToEnd(wanted, *place, spec, sink);
        } catch (const std::exception& failure) {
          tellFailure(wanted.deployment.app, place->name(), failure);
        }
        place.reset();
        *ended = true;
      });
    });
    return name;
  }

  std::vector<ProcessStatus> processes(const store::AppName& app) override {
    return state_.with([&](State& state) {
      std::vector<ProcessStatus> list;
      for (const auto& [key, session] : state.sessions)
        if (key.first == app) list.push_back(session.status);
      return list;
    });
  }

  void stop(const store::AppName& app, const std::string& name) override {
    bool found = name.empty();
    state_.with([&](State& state) {
      for (auto& [key, session] : state.sessions) {
        if (key.first != app || (!name.empty() && session.status.name != name)) continue;
        session.stop.request_stop();
        found = true;
      }
    });
    if (!found)
      throw Error(Errc::notFound,
                  "no process \"" + base::printable(name) + "\" is running: fairlead ps lists them");
  }

 private:
  struct Session {
    ProcessStatus status;
    std::stop_source stop;
  };
  using Key = std::pair<store::AppName, int>;
  struct Detached {
    std::shared_ptr<std::atomic<bool>> ended;  // shared with its thread
    std::jthread thread;
  };
  struct State {
    std::map<Key, Session> sessions;
    std::list<Detached> threads;
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

  /// One of the sessions, while it lives.
  class Place {
   public:
    Place(LocalOneOffs& owner, const OneOff& wanted)
        : owner_(owner), type_(wanted.type), key_(wanted.deployment.app, std::max(wanted.number, 1)) {
      if (wanted.command.empty()) throw Error(Errc::invalidArgument, "what shall run? Give a command");
      owner_.state_.with([&](State& state) {
        if (state.closed) throw Error(Errc::unavailable, "the server is shutting down");
        if (wanted.type == "run") state.requireRoom(owner_.config_.maxSessions);
        while (state.sessions.contains(key_))
          ++key_.second;
        state.sessions.emplace(key_, Session{.status = {.name = name(),
                                                        .type = wanted.type,
                                                        .release = wanted.deployment.release,
                                                        .state = ProcessState::up,
                                                        .since = owner_.clock_.now(),
                                                        .command = wanted.title(),
                                                        .lastExit = "",
                                                        .address = "",
                                                        .container = container()},
                                             .stop = stop_});
      });
    }
    ~Place() {
      owner_.state_.with([&](State& state) { state.sessions.erase(key_); });
    }
    Place(const Place&) = delete;
    Place& operator=(const Place&) = delete;
    std::string name() const { return type_ + "." + std::to_string(key_.second); }
    int index() const { return key_.second; }
    /// Not the form of the app's other processes: a deploy removes those that it does not know.
    std::string container() const {
      return key_.first.str() + ".run." + std::to_string(key_.second) + "." + unique_;
    }
    std::stop_source stop() const { return stop_; }

   private:
    LocalOneOffs& owner_;
    const std::string type_;
    const std::string unique_ = base::randomHex(4);
    Key key_;
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

  /// The last word of a detached process's thread, which nothing may escape.
  void tellFailure(const store::AppName& app, const std::string& name,
                   const std::exception& failure) noexcept {
    try {
      base::Log("runner").error("one-off process failed",
                                {{"app", app.str()}, {"process", name}, {"error", failure.what()}});
      log_.append(app, "run", name + " failed: " + base::publicMessage(failure));
    } catch (const std::exception&) {  // its log cannot be written: the daemon's has it
    }
  }

  OneOffEnd runToEnd(const OneOff& wanted, const Place& place, const sandbox::ContainerSpec& spec,
                     base::ByteSink& output) {
    const store::AppName& app = wanted.deployment.app;
    log_.append(app, "run",
                place.name() + " started by " + wanted.user + ": " + base::printable(wanted.title(), 200));
    const sandbox::RunResult result = runtime_.run(
        spec, output, {.timeout = wanted.timeout, .stop = place.stop().get_token(), .killGrace = kKillGrace});
    OneOffEnd end{
        .name = place.name(), .exitCode = result.status.code, .reason = detail::describeExit(result.status)};
    if (result.end == sandbox::RunResult::End::timedOut) {
      end.reason =
          "was ended after " + std::to_string(wanted.timeout.count()) + " s (--timeout, or run_timeout_s)";
      end.exitCode = 124;
    } else if (result.end == sandbox::RunResult::End::cancelled) {
      end.reason = "was stopped";
    }
    log_.append(app, "run", place.name() + " " + end.reason);
    return end;
  }

  const OneOffConfig config_;
  const LocalEngineConfig engine_;
  sandbox::ContainerRuntime& runtime_;
  AppLog& log_;
  const LayerFolder layerFolder_;
  const base::Clock& clock_;
  base::Guarded<State> state_;
};

}  // namespace

std::unique_ptr<OneOffRunner> makeLocalOneOffs(OneOffConfig config, LocalEngineConfig engine,
                                               sandbox::ContainerRuntime& runtime, AppLog& log,
                                               LayerFolder layerFolder, const base::Clock& clock) {
  return std::make_unique<LocalOneOffs>(std::move(config), std::move(engine), runtime, log,
                                        std::move(layerFolder), clock);
}

}  // namespace runner
