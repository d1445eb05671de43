// A OneOffRunner that runs nothing: it records what it was asked for.
#pragma once

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
  int exitCode = 0;    ///< of run()
  std::string output;  ///< of run()
  std::string reason;  ///< of exec()

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
    asked_.push_back(wanted);
    runner::ProcessStatus status;
    status.name = "run." + std::to_string(running_.size() + 1);
    status.type = "run";
    status.release = wanted.deployment.release;
    status.state = runner::ProcessState::up;
    status.command = wanted.title();
    running_.push_back(status);
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
  std::vector<runner::OneOff> asked_;
  std::vector<runner::Exec> execs_;
  std::optional<base::TerminalSize> terminal_;
  std::vector<runner::ProcessStatus> running_;
};

}  // namespace testing_support
