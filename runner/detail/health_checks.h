// Asking the processes of types that have checks of their own.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "base/log.h"
#include "runner/detail/health_probe.h"
#include "runner/detail/process_table.h"
#include "sandbox/container.h"

namespace runner::detail {

/// What a process's checks say of it.
struct Health {
  bool started = false;        ///< startup and readiness checks have passed once
  std::string startProblem;    ///< why it will not start
  std::string notReady;        ///< why it gets no requests now
  std::string unwell;          ///< why it has to be replaced
};
Health healthOf(const Process& process);
/// Whether a process of this type is up by its port (web) or by running for a while, as without any checks.
bool hasDefaultStart(const Process& process);

/// Threads ("checks": one that keeps the times, and few that ask, made when they are needed) that bring the
/// answers into the table. Thread-safe.
class HealthChecks {
 public:
  struct Config {
    std::chrono::milliseconds listenTimeout{60'000};  ///< a port that is not open yet is no failure until then
    std::chrono::milliseconds look{250};              ///< at the table, for processes that came or went
  };
  /// `onReadiness`: called on one of the threads when a process has become ready or is not any more.
  HealthChecks(Config config, ProcessTable& table, sandbox::ContainerRuntime& runtime,
               std::function<void(const Process&)> onReadiness);
  ~HealthChecks();
  HealthChecks(const HealthChecks&) = delete;
  HealthChecks& operator=(const HealthChecks&) = delete;

  /// The table has a process with checks that was not there, or has other ones.
  void lookAgain();

 private:
  /// A check of a container: they are numbered as in Process::checks.
  struct Job {
    SteadyTime due;
    bool busy = false;
    std::uint64_t process = 0;
    std::optional<store::AppName> app;  // always there
  };
  using JobKey = std::pair<std::string, std::size_t>;

  void keepTime(const std::stop_token& stop);
  void takeOver(SteadyTime now);
  std::optional<SteadyTime> startDue(SteadyTime now);
  void work(const std::stop_token& stop);
  void doOne(const JobKey& key, std::uint64_t process);
  ProbeAnswer askByCommand(const Process& process, const store::ProcessCheck& check);
  ProbeAnswer ask(const Process& process, const store::ProcessCheck& check);
  /// When to ask again.
  SteadyTime note(const Process& process, std::size_t check, const ProbeAnswer& answer);

  const Config config_;
  ProcessTable& table_;
  sandbox::ContainerRuntime& runtime_;
  const std::function<void(const Process&)> onReadiness_;
  const base::Log log_{"runner"};
  std::stop_source end_;  // of what is asked
  std::mutex mutex_;
  std::condition_variable_any changed_;
  bool looked_ = false;  // from here on guarded by mutex_
  std::map<JobKey, Job> jobs_;
  std::deque<JobKey> ready_;
  std::size_t idle_ = 0;
  std::vector<std::jthread> workers_;
  std::jthread timekeeper_;  // last: it uses what is above
};

}  // namespace runner::detail
