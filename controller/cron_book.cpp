#include "controller/cron_book.h"

#include <string>
#include <string_view>

#include "base/strings.h"

namespace controller {
namespace {

store::CronState stateOf(const runner::OneOffEnd& end) {
  switch (end.how) {
    case runner::OneOffEnd::How::timedOut:
      return store::CronState::timedOut;
    case runner::OneOffEnd::How::stopped:
      return store::CronState::cancelled;
    case runner::OneOffEnd::How::lost:
      return store::CronState::failed;
    case runner::OneOffEnd::How::exited:
      break;
  }
  return end.exitCode == 0 ? store::CronState::succeeded : store::CronState::failed;
}

}  // namespace

void CronBook::ended(const store::AppName& app, const runner::OneOffEnd& end) {
  const std::string prefix = std::string(kCronType) + ".";
  std::uint64_t number = 0;
  if (!end.name.starts_with(prefix) || !base::parseNumber(end.name.substr(prefix.size()), number)) return;
  if (const auto run = store_.findRunning(app.str(), static_cast<std::int64_t>(number))) {
    const store::CronState state = stateOf(end);
    store_.end(run->id, state, end.exitCode, state == store::CronState::succeeded ? "" : end.reason);
  }
  changed();
}

void CronBook::changed() {
  {
    const std::lock_guard lock(mutex_);
    ++changes_;
  }
  news_.notify_all();
}

void CronBook::wait(std::uint64_t& seen, std::chrono::milliseconds atMost, const std::stop_token& stop) {
  std::unique_lock lock(mutex_);
  news_.wait_for(lock, stop, atMost, [&] { return changes_ != seen; });
  seen = changes_;
}

}  // namespace controller
