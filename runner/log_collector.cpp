#include "runner/log_collector.h"

#include <pthread.h>

#include <algorithm>
#include <set>
#include <utility>

#include "base/error.h"
#include "base/size.h"
#include "runner/detail/access_collector.h"
#include "runner/detail/caddy_access_log.h"
#include "runner/detail/write_watch.h"

namespace runner {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr std::chrono::minutes kTellAgain{10};
constexpr std::chrono::minutes kFailureEvery{1};
/// Between two looks where the kernel does not tell all that is written.
constexpr milliseconds kUnwatched{100};

std::vector<store::AppName> parsed(const std::set<std::string>& folders) {
  std::vector<store::AppName> names;
  for (const std::string& folder : folders)
    if (const auto name = store::AppName::tryParse(folder)) names.push_back(*name);
  return names;
}

}  // namespace

LogCollector::LogCollector(LogCollectorConfig config, AppLog& log, sandbox::ContainerRuntime& runtime)
    : config_(std::move(config)),
      log_(log),
      runtime_(runtime),
      requests_(config_.routerFolder.empty()
                    ? nullptr
                    : std::make_unique<detail::AccessCollector>(config_.routerFolder, log_, config_.appOf)) {
  // What a daemon that was killed has held.
  for (const std::string& id : runtime_.list())
    runtime_.resumeOutput(id);
  thread_ = std::jthread([this](const std::stop_token& stop) { run(stop); });
}

LogCollector::~LogCollector() {
  thread_ = {};  // joined
  for (const auto& [container, writer] : writers_)
    if (writer.held) attempt("resuming output", [&] { runtime_.resumeOutput(container); });
}

void LogCollector::run(const std::stop_token& stop) {
  ::pthread_setname_np(::pthread_self(), "log-collector");
  const std::filesystem::path requests =
      requests_ ? (config_.routerFolder / detail::kAccessLog).parent_path() : std::filesystem::path();
  detail::WriteWatch watch(log_.folder(), requests);
  const std::stop_callback wake(stop, [&] { watch.wake(); });
  detail::WriteWatch::Written written{.anywhere = true, .elsewhere = false, .folders = {}};
  auto trimDue = steady_clock::now() + config_.trimEvery;
  auto lookDue = steady_clock::now();
  while (!stop.stop_requested()) {
    const auto now = steady_clock::now();
    const bool everything = written.anywhere || now >= lookDue;
    if (everything) lookDue = now + config_.poll;
    bool more = lookAt(everything ? log_.apps() : parsed(written.folders), stop);
    if (requests_ && (everything || written.elsewhere))
      attempt("taking requests", [&] { more = requests_->collect() || more; });
    if (everything) forgetGone();
    if (now >= trimDue) {
      for (const store::AppName& app : log_.apps())
        attempt("trimming a log", [&] { log_.trim(app); });
      trimDue = now + config_.trimEvery;
    }
    written = {.anywhere = more || anyShort_, .elsewhere = false, .folders = {}};
    if (more) continue;
    if (anyShort_) {
      watch.pause(config_.slice);
      continue;
    }
    const auto untilLook = std::chrono::ceil<milliseconds>(lookDue - steady_clock::now());
    const auto quiet = watch.isComplete() ? untilLook : std::min(untilLook, kUnwatched);
    written = watch.wait(std::max(milliseconds(0), quiet));
    if (!watch.isComplete()) written.anywhere = true;
    // Who writes line by line costs a look for many of them, and its first one is taken at once.
    const auto sinceLook = std::chrono::floor<milliseconds>(steady_clock::now() - now);
    if (!written.nothing() && sinceLook < config_.settle) watch.pause(config_.settle - sinceLook);
  }
}

/// True when there is more to take.
bool LogCollector::lookAt(const std::vector<store::AppName>& apps, const std::stop_token& stop) {
  ++round_;
  anyShort_ = false;
  bool more = false;
  for (const store::AppName& app : apps) {
    attempt("taking lines", [&] { more = log_.collect(app) || more; });
    attempt("watching output", [&] { judge(app); });
    if (stop.stop_requested()) break;
  }
  return more;
}

void LogCollector::judge(const store::AppName& app) {
  for (const AppLog::Growth& growth : log_.growth(app))
    judge(app, growth);
}

void LogCollector::judge(const store::AppName& app, const AppLog::Growth& growth) {
  const auto now = steady_clock::now();
  const auto found = writers_.try_emplace(
      growth.container,
      Writer{.budget = OutputBudget({config_.rateBytes, config_.burstBytes}, growth.bytes, now)});
  Writer& writer = found.first->second;
  // In a rename two names have one log.
  if (std::exchange(writer.round, round_) == round_) return;
  const bool hold = writer.budget.spend(growth.bytes, now);
  anyShort_ = anyShort_ || writer.budget.isShort();
  if (hold == writer.held) return;
  if (!hold) {
    runtime_.resumeOutput(growth.container);
    writer.held = false;
    return;
  }
  writer.held = true;
  runtime_.holdOutput(growth.container);
  if (writer.toldAt != Steady{} && now < writer.toldAt + kTellAgain) return;
  writer.toldAt = now;
  log_.append(app, "log",
              growth.process + " writes more than app_log_rate_bytes (" + base::exactSize(config_.rateBytes) +
                  " a second): it is slowed");
}

void LogCollector::forgetGone() {
  std::erase_if(writers_, [&](const auto& item) {
    const auto& [container, writer] = item;
    if (writer.round == round_) return false;
    // It has ended, as a rule; or its app's log could not be read.
    if (writer.held) attempt("resuming output", [&] { runtime_.resumeOutput(container); });
    return true;
  });
}

/// The one place that catches: what fails is tried again by the next round.
void LogCollector::attempt(const char* doing, const std::function<void()>& job) {
  try {
    job();
  } catch (const std::exception& failure) {
    const auto now = steady_clock::now();
    if (now < failureDue_) return;
    failureDue_ = now + kFailureEvery;
    messages_.error("failed, and will be tried again", {{"doing", doing}, {"problem", failure.what()}});
  }
}

}  // namespace runner
