#include "runner/detail/process_meter.h"

#include <pthread.h>
#include <sys/statvfs.h>

#include <algorithm>
#include <condition_variable>
#include <csignal>
#include <mutex>

#include "base/error.h"
#include "base/size.h"

namespace runner::detail {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr milliseconds kLook{250};
/// Between two measurings without a reason: at least this, and 500 times what the last one took, so that an
/// idle machine with many processes stays idle.
constexpr milliseconds kShortestPause{2'000};
constexpr milliseconds kLongestPause{60'000};
constexpr int kPausePerCost = 500;

bool hasContainer(const Process& process) {
  return !process.container.empty() && process.phase != Phase::crashed;
}

}  // namespace

ProcessMeter::ProcessMeter(EngineParts& parts)
    : parts_(parts), thread_([this](const std::stop_token& stop) { run(stop); }) {}

void ProcessMeter::run(const std::stop_token& stop) {
  ::pthread_setname_np(::pthread_self(), "meter");
  std::mutex mutex;
  std::condition_variable_any never;
  const milliseconds look = std::min(kLook, parts_.config.sampleEvery);
  while (!stop.stop_requested()) {
    try {
      if (const auto now = steady_clock::now(); now >= sampleDue_) {
        sampleDue_ = now + parts_.config.sampleEvery;
        for (const Process& process : parts_.table.all())
          if (hasContainer(process)) sample(process);
      }
      if (diskIsDue()) measureDisks(stop);
    } catch (const std::exception& failure) {  // the top of a thread: it goes on
      log_.warn("what processes use could not be read", {{"problem", failure.what()}});
    }
    std::unique_lock lock(mutex);
    never.wait_for(lock, stop, look, [] { return false; });
  }
}

void ProcessMeter::sample(const Process& process) {
  const sandbox::ContainerUsage usage = parts_.runtime.usage(process.container);
  const auto now = steady_clock::now();
  bool mine = false;
  parts_.table.update(process.key, [&](Process& current) {
    if (current.container != process.container) return;
    mine = true;
    const std::chrono::duration<double> passed = now - current.usageAt;
    const std::chrono::duration<double> busy = usage.cpu - current.usage.cpu;
    current.cpus = passed.count() > 0 ? std::max(0.0, busy / passed) : 0;
    current.usage = usage;
    current.usageAt = now;
  });
  if (mine) tellRefusals(process, usage);
}

void ProcessMeter::tellRefusals(const Process& process, const sandbox::ContainerUsage& now) {
  if (now.oomKills > process.usage.oomKills && process.phase != Phase::stopping)
    parts_.log.append(process.app, "runner",
                      process.name() + " has used up its memory of " +
                          base::exactSize(process.size.memoryBytes) +
                          ", and one of its processes was killed: fairlead ps:type " + process.type +
                          "=SIZE gives it more");
  if (now.pidsRefused > 0 && process.usage.pidsRefused == 0)
    parts_.log.append(process.app, "runner",
                      process.name() + " has as many processes and threads as it may (" +
                          std::to_string(process.size.pids) + "), and is refused more: fairlead ps:type " +
                          process.type + "=Npids allows more");
}

bool ProcessMeter::diskIsDue() {
  const bool limited = [this] {
    for (const Process& process : parts_.table.all())
      if (hasContainer(process) && process.size.diskBytes > 0) return true;
    return false;
  }();
  if (!limited) return false;
  if (steady_clock::now() >= diskDue_) return true;
  struct statvfs state {};
  if (::statvfs(parts_.config.stateFolder.c_str(), &state) != 0)
    base::throwErrno(errno, "asking for free disk space");
  const std::uint64_t free = static_cast<std::uint64_t>(state.f_bavail) * state.f_frsize;
  if (freeThen_ == 0 || free > freeThen_) freeThen_ = free;
  return freeThen_ - free > headroom_;
}

void ProcessMeter::measureDisks(const std::stop_token& stop) {
  const auto began = steady_clock::now();
  freeThen_ = 0;
  headroom_ = UINT64_MAX;
  for (const Process& process : parts_.table.all()) {
    if (stop.stop_requested()) return;
    if (hasContainer(process) && process.size.diskBytes > 0) measureDisk(process);
  }
  const auto now = steady_clock::now();
  const auto took = std::chrono::duration_cast<milliseconds>(now - began);
  diskDue_ = now + std::clamp(took * kPausePerCost, kShortestPause, kLongestPause);
}

void ProcessMeter::measureDisk(const Process& process) {
  const std::uint64_t written = parts_.runtime.writtenBytes(process.container);
  if (written <= process.size.diskBytes) {
    headroom_ = std::min(headroom_, process.size.diskBytes - written);
    return;
  }
  bool mine = false;
  parts_.table.update(process.key, [&](Process& current) {
    if (current.container != process.container || !current.endReason.empty()) return;
    mine = true;
    current.endReason = "was killed: it wrote more than its disk of " +
                        base::exactSize(process.size.diskBytes) + " (fairlead ps:type " + process.type +
                        "=SIZEdisk allows more)";
  });
  if (mine) parts_.runtime.signal(process.container, SIGKILL);
}

}  // namespace runner::detail
