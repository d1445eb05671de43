#include "sandbox/oci_runtime.h"

#include <unistd.h>

#include <array>
#include <chrono>
#include <csignal>
#include <optional>
#include <utility>
#include <vector>

#include "base/digest.h"
#include "base/error.h"
#include "base/log.h"
#include "base/strings.h"
#include "sandbox/detail/attached_run.h"
#include "sandbox/detail/container_folder.h"
#include "sandbox/detail/container_host.h"
#include "sandbox/detail/network_guard.h"

namespace sandbox {
namespace {

using base::Errc;
using base::Error;
using base::ExitStatus;
namespace fs = std::filesystem;

constexpr int kMonitorWaitMs = 2'000;

/// Removes a container on every way out: removeSoon() when it has ended, the destructor when an exception is
/// on its way already.
class Removal {
 public:
  Removal(ContainerHost& host, std::string id) : host_(host), id_(std::move(id)) {}
  Removal(const Removal&) = delete;
  Removal& operator=(const Removal&) = delete;
  ~Removal() {
    if (done_) return;
    try {
      host_.remove(id_);
    } catch (const std::exception& error) {
      base::Log("sandbox").warn("a container is left behind", {{"id", id_}, {"reason", error.what()}});
    }
  }
  void removeSoon() {
    done_ = true;
    host_.removeSoon(id_);
  }
  void keep() noexcept { done_ = true; }

 private:
  ContainerHost& host_;
  std::string id_;
  bool done_ = false;
};

/// Thread-safe: it holds nothing that changes; containers are told apart by their ids.
class OciRuntime : public LocalRuntime {
 public:
  OciRuntime(const OciRuntimeConfig& config, const base::Clock& clock, RuntimePrograms programs,
             fs::path networkPlugins, std::string version)
      : clock_(clock),
        version_(std::move(version)),
        host_(config, std::move(programs), std::move(networkPlugins)) {}

  RunResult run(const ContainerSpec& spec, base::ByteSink& output, const RunOptions& options) override;
  RunningContainer start(const ContainerSpec& spec, const fs::path& logFile) override;
  RunResult exec(const std::string& id, const ExecSpec& spec, base::ByteSink& output,
                 const RunOptions& options) override {
    checkId(id);
    return host_.exec(id, spec, output, options);
  }
  std::optional<ContainerStatus> status(const std::string& id) override;
  std::optional<ContainerHandles> handles(const std::string& id) override;
  void signal(const std::string& id, int signalNumber) override;
  void holdOutput(const std::string& id) override;
  void resumeOutput(const std::string& id) override;
  bool waitForExit(const std::string& id, std::chrono::milliseconds timeout) override;
  void remove(const std::string& id) override {
    checkId(id);
    host_.remove(id);
  }
  std::vector<std::string> list() override { return host_.list(); }
  void setNetworkGroups(const std::vector<NetworkGroup>& groups) override { host_.setNetworkGroups(groups); }
  ContainerUsage usage(const std::string& id) override { return host_.usage(id); }
  std::uint64_t writtenBytes(const std::string& id) override { return host_.writtenBytes(id); }
  std::uint64_t unlinkedBytes(const std::string& id, dev_t device) override {
    return host_.unlinkedBytes(id, device);
  }
  std::uint32_t hostId(std::uint32_t containerId) const override { return host_.hostId(containerId); }
  std::string describe() const override { return version_ + ", " + host_.describe(); }

 private:
  ExitStatus exitOf(const std::string& id, const ProcessRef& monitor) const;

  const base::Clock& clock_;
  const std::string version_;
  ContainerHost host_;
};

RunResult OciRuntime::run(const ContainerSpec& spec, base::ByteSink& output, const RunOptions& options) {
  checkSpec(spec);
  host_.claim(spec.id);
  Removal removal(host_, spec.id);
  auto [readEnd, writeEnd] = base::makePipe();
  const ContainerState state = host_.create(spec, {.pipe = &writeEnd, .logFile = {}}, clock_.now());
  writeEnd.reset();
  base::Fd monitor = state.monitor.open();
  if (!monitor.valid()) throw Error(Errc::unavailable, "conmon, which watches the container, was killed");
  std::optional<NetworkGuard> guard;
  if (spec.filter) guard.emplace(host_.guardOf(spec, state.init));
  base::Fd init = state.init.open();
  const auto launchedAt = std::chrono::steady_clock::now();
  host_.launch(spec.id, state);
  AttachedRun attached({.output = std::move(readEnd),
                        .monitor = std::move(monitor),
                        .init = std::move(init),
                        .signalAll = [&](int number) { host_.signalAll(spec.id, number); },
                        .guard = guard ? &*guard : nullptr},
                       output, options);
  RunResult result;
  result.end = attached.drive();
  result.ran = std::chrono::duration_cast<std::chrono::microseconds>(attached.endedAt() - launchedAt);
  if (state.init.alive()) throw Error(Errc::unavailable, "conmon, which watches the container, was killed");
  result.status = exitOf(spec.id, state.monitor);
  result.outOfMemory = host_.usage(spec.id).oomKills > 0;
  removal.removeSoon();
  return result;
}

RunningContainer OciRuntime::start(const ContainerSpec& spec, const fs::path& logFile) {
  checkSpec(spec);
  CHECK(!spec.filter);  // it would end with this process
  if (!logFile.is_absolute())
    throw Error(Errc::invalidArgument, "a container's log file must be given by an absolute path");
  host_.claim(spec.id);
  Removal removal(host_, spec.id);
  const ContainerState state = host_.create(spec, {.pipe = nullptr, .logFile = logFile}, clock_.now());
  host_.launch(spec.id, state);
  removal.keep();
  return {spec.id, state.address, state.init.pid, state.startedAt};
}

// conmon writes the exit code down a moment after the container's end. Without conmon (a reboot, a kill)
// nobody knows it: a kill is the honest guess.
ExitStatus OciRuntime::exitOf(const std::string& id, const ProcessRef& monitor) const {
  const base::Fd process = monitor.open();
  signalProcess(process, SIGCONT);  // its output may be held
  waitForEnd(process, kMonitorWaitMs);
  constexpr int kKilled = 128 + 9;
  return recordedExit(host_.filesOf(id).exitFolder(), id).value_or(ExitStatus{.code = kKilled, .signal = 0});
}

std::optional<ContainerStatus> OciRuntime::status(const std::string& id) {
  checkId(id);
  if (!host_.exists(id)) return std::nullopt;
  ContainerStatus status;
  status.container.id = id;
  const auto state = ContainerState::load(host_.filesOf(id).state());
  if (state) status.container = {id, state->address, state->init.pid, state->startedAt};
  // In this order: the monitor ends behind the init, as a rule.
  const base::Fd monitor = state ? state->monitor.open() : base::Fd();
  const bool lacksMonitor = waitForEnd(monitor, 0);
  const base::Fd init = state ? state->init.open() : base::Fd();
  status.running = init.valid() && !waitForEnd(init, 0);
  status.unattended = status.running && lacksMonitor;
  if (!status.running) status.exit = exitOf(id, state ? state->monitor : ProcessRef{});
  return status;
}

std::optional<ContainerHandles> OciRuntime::handles(const std::string& id) {
  checkId(id);
  const auto state = ContainerState::load(host_.filesOf(id).state());
  if (!state) return std::nullopt;
  ContainerHandles handles{.init = state->init.open(), .monitor = state->monitor.open()};
  if (waitForEnd(handles.init, 0)) return std::nullopt;
  return handles;
}

void OciRuntime::signal(const std::string& id, int signalNumber) {
  checkId(id);
  resumeOutput(id);  // nobody shall be stuck in its last words
  host_.signalAll(id, signalNumber);
}

// conmon stands still: it is what empties the pipes.
void OciRuntime::holdOutput(const std::string& id) {
  checkId(id);
  const auto state = ContainerState::load(host_.filesOf(id).state());
  if (!state) return;
  const base::Fd monitor = state->monitor.open();
  signalProcess(monitor, SIGSTOP);
  if (!state->init.alive()) signalProcess(monitor, SIGCONT);  // it has an end to write down
}

void OciRuntime::resumeOutput(const std::string& id) {
  checkId(id);
  if (const auto state = ContainerState::load(host_.filesOf(id).state()))
    signalProcess(state->monitor.open(), SIGCONT);
}

bool OciRuntime::waitForExit(const std::string& id, std::chrono::milliseconds timeout) {
  checkId(id);
  const auto state = ContainerState::load(host_.filesOf(id).state());
  constexpr std::chrono::milliseconds kLongest = std::chrono::hours(24);
  return !state || waitForEnd(state->init.open(), static_cast<int>(std::min(timeout, kLongest).count()));
}

std::string requireProgram(const std::string& name, const std::string& package) {
  if (const auto path = base::findProgram(name)) return *path;
  throw Error(Errc::unavailable, name + " is missing: install the package " + package);
}

// Debian keeps them in the first place; the CNI project's own packages use the second, Fedora the third.
fs::path findNetworkPlugins() {
  for (const fs::path folder : {"/usr/lib/cni", "/opt/cni/bin", "/usr/libexec/cni"}) {
    std::error_code ignored;
    if (fs::exists(folder / "bridge", ignored) && fs::exists(folder / "host-local", ignored)) return folder;
  }
  throw Error(Errc::unavailable,
              "the CNI plugins are missing: install the package containernetworking-plugins");
}

// "runc version 1.1.5+ds1\n..." -> "runc 1.1.5+ds1".
std::string versionOf(const std::string& program) {
  const std::string text = base::mustRun({program, "--version"});
  const auto words = base::split(text.substr(0, text.find('\n')), ' ');
  return words.size() >= 3 && words[1] == "version" ? words[0] + " " + words[2]
                                                    : fs::path(program).filename().string();
}

class Collected : public base::ByteSink {
 public:
  void write(std::string_view bytes) override { text.append(bytes); }
  std::string text;
};

// The init itself is what is run: the only program that an empty root holds.
void probe(OciRuntime& runtime) {
  ContainerSpec spec;
  spec.id = "probe-" + base::randomHex(8);
  spec.argv = {kInitPath, "--version"};
  spec.limits.memoryBytes = 64u << 20;
  spec.network = false;
  Collected output;
  RunOptions options;
  options.timeout = std::chrono::seconds(30);
  options.killGrace = std::chrono::seconds(0);
  const RunResult result = runtime.run(spec, output, options);
  if (result.end != RunResult::End::exited || !result.status.ok())
    throw Error(Errc::unavailable, "a first container ended with " + result.status.describe() + ": " +
                                       base::printable(base::trim(output.text), 300));
}

}  // namespace

std::unique_ptr<LocalRuntime> makeOciRuntime(const OciRuntimeConfig& config, const base::Clock& clock) {
  if (::geteuid() != 0) throw Error(Errc::unavailable, "containers can only be made by root");
  // Debian's tini has a static build, so that it runs in any image. catatonit would do as well; dumb-init is
  // linked dynamically there.
  const std::string init = requireProgram("tini-static", "tini");
  const std::string monitor = requireProgram("conmon", "conmon");
  const fs::path plugins = findNetworkPlugins();
  const base::Log log("sandbox");

  // crun is the faster one where it works; it refuses hosts whose cgroups are v1 with a v2 tree
  // beside.
  const bool choose = config.runtime == "auto";
  const std::vector<std::string> candidates =
      choose ? std::vector<std::string>{"crun", "runc"} : std::vector{config.runtime};
  std::vector<std::string> refusals;
  for (const std::string& name : candidates) {
    const auto program = base::findProgram(name);
    if (!program) {
      refusals.push_back(name + ": not installed");
      continue;
    }
    try {
      auto runtime = std::make_unique<OciRuntime>(
          config, clock,
          RuntimePrograms{.runtime = *program, .monitor = monitor, .init = init, .runtimeRoot = {}}, plugins,
          versionOf(*program));
      probe(*runtime);
      log.info("container runtime chosen",
               {{"runtime", runtime->describe()}, {"refused", base::join(refusals, "; ")}});
      return runtime;
    } catch (const Error& error) {  // a candidate's failure is this search's outcome, not an error yet
      if (error.code() == Errc::invalidArgument) throw;
      refusals.push_back(name + ": " + error.what());
    }
  }
  throw Error(Errc::unavailable, "no container can be started here (install the package runc or crun): " +
                                     base::join(refusals, "; "));
}

}  // namespace sandbox
