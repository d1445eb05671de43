#include "sandbox/detail/attached_run.h"

#include <poll.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <utility>

#include "base/error.h"

namespace sandbox {
namespace {

using std::chrono::steady_clock;

constexpr auto kLongest =
    std::chrono::hours(24 * 365);  // a timeout beyond this is none; more would overflow the clock
constexpr auto kDeathWait = std::chrono::seconds(30);
constexpr int kLingerMs = 1'000;
constexpr std::size_t kChunk = 64u << 10;

int pollTimeout(steady_clock::time_point deadline) {
  constexpr std::int64_t kMaxStepMs = 60'000;
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - steady_clock::now()).count();
  return static_cast<int>(std::clamp<std::int64_t>(left, 0, kMaxStepMs));
}

int pollEntries(pollfd* entries, std::size_t count, int timeoutMs) {
  const int ready = ::poll(entries, count, timeoutMs);
  if (ready < 0 && errno != EINTR) base::throwErrno(errno, "waiting for a container");
  return std::max(ready, 0);
}

}  // namespace

AttachedRun::AttachedRun(Container container, base::ByteSink& sink, const RunOptions& options)
    : container_(std::move(container)),
      sink_(sink),
      options_(options),
      stopEvent_(base::makeEventFd()),
      deadline_(steady_clock::now() + std::min<std::chrono::seconds>(options.timeout, kLongest)),
      lastOutput_(steady_clock::now()) {}

RunResult::End AttachedRun::drive() {
  const std::stop_callback onStop(options_.stop, [this] { base::signalEvent(stopEvent_); });
  while (step()) {
  }
  noteEnd();
  if (container_.endRest) container_.endRest();
  drain();
  if (container_.guard != nullptr) container_.guard->finish();
  passRefusals();
  return end_;
}

bool AttachedRun::step() {
  // poll skips entries with a negative descriptor.
  const int refused = container_.guard == nullptr ? -1 : container_.guard->refusedEvent().get();
  std::array<pollfd, 5> entries = {{{container_.output.get(), POLLIN, 0},
                                    {container_.monitor.get(), POLLIN, 0},
                                    {phase_ == Phase::running ? stopEvent_.get() : -1, POLLIN, 0},
                                    {refused, POLLIN, 0},
                                    {container_.init.get(), POLLIN, 0}}};
  const int ready = pollEntries(entries.data(), entries.size(), pollTimeout(nextDeadline()));
  // The reason before what a program says about it.
  if (ready > 0 && entries[3].revents != 0) passRefusals();
  if (ready > 0 && entries[0].revents != 0) passOutput();
  if (ready > 0 && entries[4].revents != 0) noteEnd();
  if (ready > 0 && entries[1].revents != 0) return false;
  if (ready > 0 && entries[2].revents != 0) beginStop(RunResult::End::cancelled);
  actOnTime();
  return true;
}

void AttachedRun::noteEnd() {
  if (endedAt_ == SteadyTime{}) endedAt_ = steady_clock::now();
  container_.init.reset();
}

void AttachedRun::passOutput() {
  std::array<char, kChunk> buffer;
  const std::size_t count = base::readSome(container_.output, buffer.data(), buffer.size());
  if (count == 0) return container_.output.reset();
  lastOutput_ = steady_clock::now();
  sink_.write({buffer.data(), count});
}

void AttachedRun::passRefusals() {
  if (container_.guard == nullptr) return;
  for (const std::string& host : container_.guard->takeRefused()) {
    if (options_.onRefusedHost) options_.onRefusedHost(host);
  }
}

// Silence counts only while it runs as it likes.
AttachedRun::SteadyTime AttachedRun::nextDeadline() const {
  if (phase_ != Phase::running || options_.idleTimeout.count() == 0) return deadline_;
  return std::min(deadline_, lastOutput_ + std::min<std::chrono::seconds>(options_.idleTimeout, kLongest));
}

void AttachedRun::actOnTime() {
  const auto now = steady_clock::now();
  if (now >= nextDeadline() && now < deadline_) return beginStop(RunResult::End::idle);
  if (steady_clock::now() < deadline_) return;
  if (phase_ == Phase::running) return beginStop(RunResult::End::timedOut);
  if (phase_ == Phase::killing)
    throw base::Error(base::Errc::timedOut, "the container's processes do not end, not even by SIGKILL");
  phase_ = Phase::killing;
  deadline_ = steady_clock::now() + kDeathWait;
  container_.signalAll(SIGKILL);
}

void AttachedRun::beginStop(RunResult::End reason) {
  end_ = reason;
  phase_ = Phase::terminating;
  deadline_ = steady_clock::now() + options_.killGrace;
  container_.signalAll(SIGTERM);
}

// All writers are dead, or are not ours any more: what is in the pipe is the rest.
void AttachedRun::drain() {
  constexpr std::size_t kMostInPipe = 1u << 20;
  for (std::size_t taken = 0; container_.output.valid() && taken <= kMostInPipe; taken += kChunk) {
    pollfd entry{container_.output.get(), POLLIN, 0};
    if (pollEntries(&entry, 1, kLingerMs) == 0) return;
    passOutput();
  }
}

}  // namespace sandbox
