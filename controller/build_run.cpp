#include "controller/build_run.h"

namespace controller {

bool BuildRun::cancel(const std::string& why) {
  {
    const std::lock_guard lock(mutex_);
    if (launching_ || outcome_) return false;
    if (cancelReason_.empty()) cancelReason_ = why;
  }
  stop_.request_stop();
  return true;
}

std::string BuildRun::cancelReason() const {
  const std::lock_guard lock(mutex_);
  return cancelReason_;
}

bool BuildRun::beginLaunch() {
  const std::lock_guard lock(mutex_);
  if (!cancelReason_.empty()) return false;
  launching_ = true;
  return true;
}

void BuildRun::finish(gitd::PushOutcome outcome) {
  {
    const std::lock_guard lock(mutex_);
    outcome_ = std::move(outcome);
  }
  decided_.notify_all();
  log_.close();
}

std::optional<gitd::PushOutcome> BuildRun::outcome() const {
  const std::lock_guard lock(mutex_);
  return outcome_;
}

void BuildRun::awaitOutcome() const {
  std::unique_lock lock(mutex_);
  decided_.wait(lock, [&] { return outcome_.has_value(); });
}

}  // namespace controller
