#include "tests/support/scripted_runtime.h"

#include <unistd.h>

#include <chrono>
#include <csignal>
#include <fstream>

namespace test {

using base::Errc;
using base::Error;
using sandbox::ContainerSpec;
using sandbox::ContainerStatus;
using sandbox::RunningContainer;
using sandbox::RunOptions;
using sandbox::RunResult;

void ScriptedRuntime::queueRun(std::string output, int exitCode) {
  RunResult result;
  result.status.code = exitCode;
  queueRun(std::move(output), result);
}

void ScriptedRuntime::queueRun(std::string output, RunResult result) {
  const std::lock_guard lock(mutex_);
  queued_.emplace_back(std::move(output), result);
}

void ScriptedRuntime::onRun(RunScript script) {
  const std::lock_guard lock(mutex_);
  runScript_ = std::move(script);
}

void ScriptedRuntime::onExec(ExecScript script) {
  const std::lock_guard lock(mutex_);
  execScript_ = std::move(script);
}

void ScriptedRuntime::failNext(Error error) {
  const std::lock_guard lock(mutex_);
  failure_ = std::move(error);
}

void ScriptedRuntime::onStart(std::function<void(const RunningContainer&, const ContainerSpec&)> hook) {
  const std::lock_guard lock(mutex_);
  startHook_ = std::move(hook);
}

void ScriptedRuntime::endsOnSignal(bool ends) {
  const std::lock_guard lock(mutex_);
  endsOnSignal_ = ends;
}

void ScriptedRuntime::setAddress(std::string address) {
  const std::lock_guard lock(mutex_);
  address_ = std::move(address);
}

void ScriptedRuntime::loseMonitor(const std::string& id) {
  const std::lock_guard lock(mutex_);
  started_.at(id).status.unattended = true;
}

void ScriptedRuntime::finish(const std::string& id, base::ExitStatus exit) {
  const std::lock_guard lock(mutex_);
  ContainerStatus& status = started_.at(id).status;
  status.running = false;
  status.exit = exit;
  changed_.notify_all();
}

void ScriptedRuntime::appendLog(const std::string& id, std::string_view stream, std::string_view line) {
  std::filesystem::path file;
  {
    const std::lock_guard lock(mutex_);
    file = started_.at(id).logFile;
  }
  const auto now = std::chrono::floor<std::chrono::milliseconds>(std::chrono::system_clock::now());
  std::string stamp = base::toRfc3339(now);
  stamp.insert(stamp.size() - 1, ".000000000");
  std::ofstream(file, std::ios::app) << stamp << ' ' << stream << " F " << line << '\n';
}

std::vector<ContainerSpec> ScriptedRuntime::runs() const {
  const std::lock_guard lock(mutex_);
  return runs_;
}

std::vector<ContainerSpec> ScriptedRuntime::starts() const {
  const std::lock_guard lock(mutex_);
  return starts_;
}

std::vector<std::pair<std::string, int>> ScriptedRuntime::signals() const {
  const std::lock_guard lock(mutex_);
  return signals_;
}

std::vector<std::string> ScriptedRuntime::removed() const {
  const std::lock_guard lock(mutex_);
  return removed_;
}

void ScriptedRuntime::throwIfScripted(std::unique_lock<std::mutex>& lock) {
  if (!failure_) return;
  const Error error = *std::exchange(failure_, std::nullopt);
  lock.unlock();
  throw error;
}

RunResult ScriptedRuntime::run(const ContainerSpec& spec, base::ByteSink& output, const RunOptions& options) {
  std::unique_lock lock(mutex_);
  runs_.push_back(spec);
  throwIfScripted(lock);
  if (!queued_.empty()) {
    const auto [text, result] = queued_.front();
    queued_.pop_front();
    lock.unlock();
    output.write(text);
    return result;
  }
  const RunScript script = runScript_;
  lock.unlock();
  return script ? script(spec, output, options) : RunResult{};
}

RunResult ScriptedRuntime::exec(const std::string& id, const sandbox::ExecSpec& spec, base::ByteSink& output,
                                const RunOptions& options) {
  std::unique_lock lock(mutex_);
  const ExecScript script = execScript_;
  lock.unlock();
  return script ? script(id, spec, output, options) : RunResult{};
}

RunningContainer ScriptedRuntime::start(const ContainerSpec& spec, const std::filesystem::path& logFile) {
  std::unique_lock lock(mutex_);
  starts_.push_back(spec);
  throwIfScripted(lock);
  if (started_.contains(spec.id))
    throw Error(Errc::alreadyExists, "container " + spec.id + " exists already");
  const auto now = std::chrono::floor<std::chrono::milliseconds>(std::chrono::system_clock::now());
  Started started;
  started.logFile = logFile;
  started.status.running = true;
  started.status.container = {spec.id, spec.network ? address_ : "", nextPid_++, now};
  const RunningContainer container = started.status.container;
  started_.emplace(spec.id, std::move(started));
  const auto hook = startHook_;
  lock.unlock();
  std::ofstream(logFile, std::ios::app).flush();
  if (hook) hook(container, spec);
  return container;
}

std::optional<ContainerStatus> ScriptedRuntime::status(const std::string& id) {
  const std::lock_guard lock(mutex_);
  const auto found = started_.find(id);
  if (found == started_.end()) return std::nullopt;
  return found->second.status;
}

void ScriptedRuntime::signal(const std::string& id, int signalNumber) {
  const std::lock_guard lock(mutex_);
  signals_.emplace_back(id, signalNumber);
  const auto found = started_.find(id);
  if (found == started_.end() || !found->second.status.running) return;
  if (signalNumber != SIGKILL && !endsOnSignal_) return;
  found->second.status.running = false;
  found->second.status.exit.code = 128 + signalNumber;  // as the containers' init reports it
  changed_.notify_all();
}

void ScriptedRuntime::holdOutput(const std::string& id) {
  const std::lock_guard lock(mutex_);
  signals_.emplace_back(id, SIGSTOP);
}

void ScriptedRuntime::resumeOutput(const std::string& id) {
  const std::lock_guard lock(mutex_);
  signals_.emplace_back(id, SIGCONT);
}

bool ScriptedRuntime::waitForExit(const std::string& id, std::chrono::milliseconds timeout) {
  std::unique_lock lock(mutex_);
  return changed_.wait_for(lock, timeout, [&] {
    const auto found = started_.find(id);
    return found == started_.end() || !found->second.status.running;
  });
}

void ScriptedRuntime::remove(const std::string& id) {
  const std::lock_guard lock(mutex_);
  removed_.push_back(id);
  started_.erase(id);
  changed_.notify_all();
}

std::vector<std::string> ScriptedRuntime::list() {
  const std::lock_guard lock(mutex_);
  std::vector<std::string> ids;
  for (const auto& [id, started] : started_)
    ids.push_back(id);
  return ids;
}

void ScriptedRuntime::setNetworkGroups(const std::vector<sandbox::NetworkGroup>& groups) {
  const std::lock_guard lock(mutex_);
  groups_ = groups;
}

std::vector<sandbox::NetworkGroup> ScriptedRuntime::networkGroups() const {
  const std::lock_guard lock(mutex_);
  return groups_;
}

void ScriptedRuntime::setUsage(const std::string& id, const sandbox::ContainerUsage& usage,
                               std::uint64_t writtenBytes) {
  const std::lock_guard lock(mutex_);
  usages_[id] = usage;
  written_[id] = writtenBytes;
}

sandbox::ContainerUsage ScriptedRuntime::usage(const std::string& id) {
  const std::lock_guard lock(mutex_);
  const auto found = usages_.find(id);
  return found == usages_.end() ? sandbox::ContainerUsage{} : found->second;
}

std::uint64_t ScriptedRuntime::writtenBytes(const std::string& id) {
  const std::lock_guard lock(mutex_);
  const auto found = written_.find(id);
  return found == written_.end() ? 0 : found->second;
}

std::uint32_t ScriptedRuntime::hostId(std::uint32_t) const {
  return ::geteuid();
}

}  // namespace test
