#include "runner/detail/process.h"

#include <Poco/NumberFormatter.h>

#include <array>
#include <utility>

#include "base/atomic_file.h"
#include "base/error.h"
#include "base/fd.h"
#include "base/json.h"
#include "base/log.h"
#include "base/size.h"
#include "runner/detail/health_checks.h"

namespace runner {

std::string_view name(ProcessState state) noexcept {
  switch (state) {
    case ProcessState::starting:
      return "starting";
    case ProcessState::up:
      return "up";
    case ProcessState::crashed:
      return "crashed";
    case ProcessState::stopping:
      return "stopping";
    case ProcessState::down:
      return "down";
  }
  return "down";
}

std::string describe(const ProcessSize& size) {
  std::string text = base::exactSize(size.memoryBytes);
  if (size.cpus > 0) text += ", " + Poco::NumberFormatter::format(size.cpus) + " cpu";
  text += ", " + std::to_string(size.pids) + " pids";
  if (size.diskBytes > 0) text += ", " + base::exactSize(size.diskBytes) + " disk";
  return text;
}

namespace detail {
namespace {

namespace fs = std::filesystem;

constexpr std::array kPhases{Phase::launching, Phase::starting, Phase::up, Phase::crashed, Phase::stopping};

std::string fileName(const std::string& container) {
  return container + ".json";
}

std::int64_t toMs(base::Time time) {
  return time.time_since_epoch().count();
}

std::int64_t integer(const base::JsonObject::Ptr& json, const char* key) {
  const Poco::Dynamic::Var value = json->get(key);
  if (!value.isInteger()) throw base::Error(base::Errc::corrupt, std::string(key) + " must be a number");
  return value.convert<std::int64_t>();
}

base::JsonObject::Ptr sizeJson(const ProcessSize& size) {
  auto json = base::makeJsonObject();
  json->set("memory_bytes", size.memoryBytes);
  json->set("cpus", size.cpus);
  json->set("pids", size.pids);
  json->set("disk_bytes", size.diskBytes);
  return json;
}

ProcessSize parseSize(const base::JsonObject::Ptr& json) {
  ProcessSize size;
  size.memoryBytes = static_cast<std::uint64_t>(integer(json, "memory_bytes"));
  size.cpus = json->getValue<double>("cpus");
  size.pids = integer(json, "pids");
  size.diskBytes = static_cast<std::uint64_t>(integer(json, "disk_bytes"));
  return size;
}

Process parse(const store::AppName& app, const std::string& text) {
  auto json = base::parseJsonObject(text, "process state", 64u << 10);
  Process process{.app = app};
  process.type = base::jsonString(json, "type");
  process.index = static_cast<int>(integer(json, "index"));
  process.release.number = integer(json, "release");
  process.identity = base::jsonString(json, "identity");
  process.container = base::jsonString(json, "container");
  process.command = base::jsonString(json, "command");
  process.address = base::jsonString(json, "address");
  process.lastExit = base::jsonString(json, "last_exit");
  process.restarts = static_cast<int>(integer(json, "restarts"));
  process.since = base::Time(std::chrono::milliseconds(integer(json, "since_ms")));
  process.startedAt = base::Time(std::chrono::milliseconds(integer(json, "started_ms")));
  // An earlier version's file has none.
  if (json->isObject("size")) process.size = parseSize(json->getObject("size"));
  const std::string phase = base::jsonString(json, "phase");
  for (const Phase candidate : kPhases) {
    if (phaseName(candidate) == phase) process.phase = candidate;
  }
  if (process.type.empty() || process.container.empty())
    throw base::Error(base::Errc::corrupt, "process state lacks a name");
  return process;
}

/// A damaged file is an expected outcome of a broken disk, and no reason not to start.
std::optional<Process> tryParse(const store::AppName& app, const fs::path& file) {
  try {
    return parse(app, base::readFile(file));
  } catch (const base::Error& damaged) {
    base::Log("runner").warn("damaged process state removed",
                             {{"file", file.filename().string()}, {"problem", damaged.what()}});
    return std::nullopt;
  }
}

}  // namespace

std::string_view phaseName(Phase phase) noexcept {
  switch (phase) {
    case Phase::launching:
      return "launching";
    case Phase::starting:
      return "starting";
    case Phase::up:
      return "up";
    case Phase::crashed:
      return "crashed";
    case Phase::stopping:
      return "stopping";
  }
  return "stopping";
}

std::string describeExit(const base::ExitStatus& exit) {
  return exit.signal != 0 ? "was killed by signal " + std::to_string(exit.signal)
                          : "exited with status " + std::to_string(exit.code);
}

ProcessStatus statusOf(const Process& process) {
  ProcessStatus status{.name = process.name(), .type = process.type, .release = process.release};
  switch (process.phase) {
    case Phase::launching:
    case Phase::starting:
      status.state = ProcessState::starting;
      break;
    case Phase::up:
      status.state = ProcessState::up;
      break;
    case Phase::crashed:
      status.state = ProcessState::crashed;
      break;
    case Phase::stopping:
      status.state = ProcessState::stopping;
      break;
  }
  status.since = process.since;
  status.command = process.command;
  status.restarts = process.restarts;
  status.lastExit = process.lastExit;
  status.address = process.address;
  status.size = process.size;
  status.memoryBytes = process.usage.memoryBytes;
  status.cpus = process.cpus;
  if (process.phase == Phase::up) status.notReady = healthOf(process).notReady;
  status.container = process.container;
  return status;
}

void Process::setChecks(std::shared_ptr<const std::vector<store::ProcessCheck>> wanted) {
  checks = std::move(wanted);
  checkStates.assign(checks ? checks->size() : 0, CheckState{});
}

StateFolder::StateFolder(fs::path folder) : folder_(std::move(folder)) {
  fs::create_directories(folder_);
}

void StateFolder::keepApp(const store::AppName& app) {
  const std::lock_guard lock(mutex_);
  const fs::path file = folder_ / app.str() / "app.json";
  if (fs::exists(file)) return;
  auto json = base::makeJsonObject();
  json->set("app", app.str());
  fs::create_directories(file.parent_path());
  base::writeFileAtomically(file, base::toJson(json), 0600);
}

void StateFolder::removeApp(const store::AppName& app) {
  const std::lock_guard lock(mutex_);
  std::error_code none;
  fs::remove(folder_ / app.str() / "app.json", none);
  fs::remove(folder_ / app.str(), none);  // stays while it holds processes
}

void StateFolder::save(const Process& process) {
  auto json = base::makeJsonObject();
  json->set("app", process.app.str());
  json->set("type", process.type);
  json->set("index", process.index);
  json->set("release", process.release.number);
  json->set("identity", process.identity);
  json->set("container", process.container);
  json->set("command", process.command);
  json->set("address", process.address);
  json->set("phase", std::string(phaseName(process.phase)));
  json->set("since_ms", toMs(process.since));
  json->set("started_ms", toMs(process.startedAt));
  json->set("restarts", process.restarts);
  json->set("last_exit", process.lastExit);
  json->set("size", sizeJson(process.size));
  const std::lock_guard lock(mutex_);
  fs::create_directories(folder_ / process.app.str());
  base::writeFileAtomically(folder_ / process.app.str() / fileName(process.container), base::toJson(json),
                            0600);
}

void StateFolder::remove(const store::AppName& app, const std::string& container) {
  const std::lock_guard lock(mutex_);
  std::error_code none;
  fs::remove(folder_ / app.str() / fileName(container), none);
  if (!fs::exists(folder_ / app.str() / "app.json")) fs::remove(folder_ / app.str(), none);
}

std::map<store::AppName, std::vector<Process>> StateFolder::load() {
  std::map<store::AppName, std::vector<Process>> apps;
  for (const auto& folder : fs::directory_iterator(folder_)) {
    const auto app = store::AppName::tryParse(folder.path().filename().string());
    if (!app) continue;
    std::vector<Process>& processes = apps[*app];
    for (const auto& file : fs::directory_iterator(folder)) {
      if (file.path().extension() != ".json" || file.path().filename() == "app.json") continue;
      if (auto process = tryParse(*app, file.path())) {
        processes.push_back(std::move(*process));
      } else {
        fs::remove(file.path());
      }
    }
  }
  return apps;
}

}  // namespace detail
}  // namespace runner
