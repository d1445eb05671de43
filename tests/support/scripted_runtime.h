// A ContainerRuntime that isolates nothing: it records what it is asked and plays what the test wrote.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/error.h"
#include "sandbox/container.h"

namespace test {

/// Thread-safe. run() plays, in order: the next queued result, else `onRun`, else exit status 0 without
/// output. A started container runs until the test calls finish(), or until it gets a signal that
/// `endsOnSignal` allows (SIGKILL always ends it).
class ScriptedRuntime : public sandbox::ContainerRuntime {
 public:
  using RunScript = std::function<sandbox::RunResult(const sandbox::ContainerSpec&, base::ByteSink&,
                                                     const sandbox::RunOptions&)>;

  /// Queues one result for the next run(): writes `output`, ends with `exitCode`.
  void queueRun(std::string output, int exitCode = 0);
  void queueRun(std::string output, sandbox::RunResult result);
  /// For every run() that finds nothing queued; called on run()'s thread without a lock, so it may touch the
  /// spec's mounts or block on options.stop.
  void onRun(RunScript script);
  /// For every exec(), as onRun() is for run(); without one it ends with status 0.
  using ExecScript = std::function<sandbox::RunResult(const std::string& id, const sandbox::ExecSpec&,
                                                      base::ByteSink&, const sandbox::RunOptions&)>;
  void onExec(ExecScript script);
  /// The next start() (or run()) throws this.
  void failNext(base::Error error);
  /// Called at the end of start(), without a lock: e.g. to listen on a port as the process would.
  void onStart(std::function<void(const sandbox::RunningContainer&, const sandbox::ContainerSpec&)> hook);
  /// Whether signals below SIGKILL end a started container with that signal (default) or are only recorded.
  void endsOnSignal(bool ends);
  /// Address that started containers report (default 127.0.0.1).
  void setAddress(std::string address);

  /// A started container runs on without what takes its output.
  void loseMonitor(const std::string& id);
  /// Ends a started container.
  void finish(const std::string& id, base::ExitStatus exit);
  /// Appends one CRI line to its log file.
  void appendLog(const std::string& id, std::string_view stream, std::string_view line);

  /// What was asked so far.
  std::vector<sandbox::ContainerSpec> runs() const;
  std::vector<sandbox::ContainerSpec> starts() const;
  std::vector<std::pair<std::string, int>> signals() const;
  std::vector<std::string> removed() const;

  sandbox::RunResult run(const sandbox::ContainerSpec& spec, base::ByteSink& output,
                         const sandbox::RunOptions& options) override;
  sandbox::RunningContainer start(const sandbox::ContainerSpec& spec,
                                  const std::filesystem::path& logFile) override;
  sandbox::RunResult exec(const std::string& id, const sandbox::ExecSpec& spec, base::ByteSink& output,
                          const sandbox::RunOptions& options) override;
  std::optional<sandbox::ContainerStatus> status(const std::string& id) override;
  void signal(const std::string& id, int signalNumber) override;
  void holdOutput(const std::string& id) override;    ///< recorded as SIGSTOP
  void resumeOutput(const std::string& id) override;  ///< recorded as SIGCONT
  bool waitForExit(const std::string& id, std::chrono::milliseconds timeout) override;
  void remove(const std::string& id) override;
  std::vector<std::string> list() override;
  void setNetworkGroups(const std::vector<sandbox::NetworkGroup>& groups) override;
  std::vector<sandbox::NetworkGroup> networkGroups() const;
  /// What usage() and writtenBytes() say from now on; all 0 before.
  void setUsage(const std::string& id, const sandbox::ContainerUsage& usage, std::uint64_t writtenBytes = 0);
  sandbox::ContainerUsage usage(const std::string& id) override;
  std::uint64_t writtenBytes(const std::string& id) override;
  std::uint64_t unlinkedBytes(const std::string&, dev_t) override { return 0; }
  /// The calling user, so that tests need no root.
  std::uint32_t hostId(std::uint32_t containerId) const override;
  std::string describe() const override { return "scripted runtime"; }

 private:
  struct Started {
    sandbox::ContainerStatus status;
    std::filesystem::path logFile;
  };
  void throwIfScripted(std::unique_lock<std::mutex>& lock);

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::pair<std::string, sandbox::RunResult>> queued_;
  RunScript runScript_;
  ExecScript execScript_;
  std::function<void(const sandbox::RunningContainer&, const sandbox::ContainerSpec&)> startHook_;
  std::optional<base::Error> failure_;
  bool endsOnSignal_ = true;
  std::string address_ = "127.0.0.1";
  pid_t nextPid_ = 1000;
  std::map<std::string, Started> started_;
  std::vector<sandbox::ContainerSpec> runs_;
  std::vector<sandbox::ContainerSpec> starts_;
  std::vector<std::pair<std::string, int>> signals_;
  std::vector<std::string> removed_;
  std::map<std::string, sandbox::ContainerUsage> usages_;
  std::map<std::string, std::uint64_t> written_;
  std::vector<sandbox::NetworkGroup> groups_;
};

}  // namespace test
