// A OneOffRunner that runs nothing: it records what it was asked for.
#pragma once

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "base/error.h"
#include "runner/one_off.h"

namespace testing_support {

/// Thread-safe. Detached ones are there until they are stopped; others end at once with what the test wrote.
class FakeOneOffs : public runner::OneOffRunner {
 public:
  int exitCode = 0;                   ///< of run()
  std::string output;                 ///< of run()
  std::string reason;                 ///< of exec()
  std::optional<base::Errc> refusal;  ///< thrown by runDetached()

  runner::OneOffEnd run(const runner::OneOff& wanted, base::Interaction& client, std::stop_token) override {
    {
      const std::lock_guard lock(mutex_);
      asked_.push_back(wanted);
      terminal_ = client.terminal();
    }
    client.output().write(output);
    return {wanted.type + ".1", exitCode, "exited with status " + std::to_string(exitCode)};
  }
  runner::OneOffEnd exec(const runner::Exec& wanted, base::Interaction& client, std::stop_token) override {
    {
      const std::lock_guard lock(mutex_);
      execs_.push_back(wanted);
    }
    client.output().write(output);
    return {wanted.process, exitCode, reason};
  }
  std::string runDetached(const runner::OneOff& wanted) override {
    const std::lock_guard lock(mutex_);
    if (refusal) throw base::Error(*refusal, "it is refused");
    asked_.push_back(wanted);
    const auto same = std::count_if(running_.begin(), running_.end(),
                                    [&](const auto& each) { return each.type == wanted.type; });
    runner::ProcessStatus status;
    status.name = wanted.type + "." + std::to_string(wanted.number > 0 ? wanted.number : same + 1);
    status.type = wanted.type;
    status.release = wanted.deployment.release;
    status.state = runner::ProcessState::up;
    status.command = wanted.title();
    running_.push_back(status);
    changed_.notify_all();
    return status.name;
  }
  std::vector<runner::ProcessStatus> processes(const store::AppName&) override {
    const std::lock_guard lock(mutex_);
    return running_;
  }
  void stop(const store::AppName&, const std::string& name) override {
    const std::lock_guard lock(mutex_);
    std::erase_if(running_, [&](const auto& each) { return name.empty() || each.name == name; });
  }
  void stopAttached() override {}
  void stopAll() override {}
  /// Of the last attached client.
  std::optional<base::TerminalSize> terminal() const {
    const std::lock_guard lock(mutex_);
    return terminal_;
  }
  /// Waits until so many were asked for; false after 20 s.
  bool awaitAsked(std::size_t count) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, std::chrono::seconds(20), [&] { return asked_.size() >= count; });
  }
  std::vector<runner::OneOff> asked() const {
    const std::lock_guard lock(mutex_);
    return asked_;
  }
  std::vector<runner::Exec> execs() const {
    const std::lock_guard lock(mutex_);
    return execs_;
  }

 private:
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<runner::OneOff> asked_;
  std::vector<runner::Exec> execs_;
  std::optional<base::TerminalSize> terminal_;
  std::vector<runner::ProcessStatus> running_;
};

}  // namespace testing_support
