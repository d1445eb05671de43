#include "controller/scrubbing.h"

#include <pthread.h>

#include <algorithm>
#include <string>
#include <utility>

#include "base/atomic_file.h"
#include "base/error.h"
#include "base/json.h"
#include "base/log.h"
#include "controller/last_in_line.h"

namespace controller {

Scrubbing::Scrubbing(ScrubConfig config, store::ReleaseStore& store, store::DiskBlobStore& blobs,
                     const base::Clock& clock)
    : config_(std::move(config)), clock_(clock), scrubber_(store, blobs) {
  if (config_.interval.count() == 0) return;
  thread_ = std::jthread([this](const std::stop_token& stop) {
    ::pthread_setname_np(::pthread_self(), "scrub");
    beLastInLine();
    loop(stop);
  });
}

store::ScrubReport Scrubbing::scrub(std::optional<std::uint64_t> bytesPerS,
                                    const std::function<void(const store::ScrubReport&)>& progress,
                                    std::stop_token stop) {
  store::ScrubOptions options{.bytesPerS = bytesPerS.value_or(config_.bytesPerS), .progress = {}};
  options.progress = [&](unsigned, const store::ScrubReport& report) { progress(report); };
  return scrubber_.scrub(options, std::move(stop));
}

/// One that cannot be read is as good as none: then the next scrub is an interval away.
Scrubbing::State Scrubbing::load() const {
  State state{.finishedAt = clock_.now()};
  try {
    const auto json = base::parseJsonObject(base::readFile(config_.stateFile), "the scrub's state");
    state.finishedAt = base::Time(std::chrono::milliseconds(json->getValue<std::int64_t>("finished_at_ms")));
    state.nextShelf = std::min(json->getValue<unsigned>("next_shelf"), store::DiskBlobStore::kShelves);
  } catch (const std::exception&) {
    save(state);
  }
  return state;
}

void Scrubbing::save(const State& state) const {
  base::writeFileAtomically(
      config_.stateFile,
      "{\"finished_at_ms\":" + std::to_string(state.finishedAt.time_since_epoch().count()) +
          ",\"next_shelf\":" + std::to_string(state.nextShelf) + "}\n");
}

void Scrubbing::loop(const std::stop_token& stop) {
  constexpr std::chrono::minutes kLook{10};
  std::optional<State> state;
  while (!stop.stop_requested()) {
    try {
      if (!state) state = load();
      const bool due = state->nextShelf > 0 || clock_.now() - state->finishedAt >= config_.interval;
      if (due) scrubInBackground(*state, stop);
    } catch (const std::exception& error) {
      if (!stop.stop_requested()) base::Log("scrub").error("scrub failed", {{"error", error.what()}});
    }
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, stop, std::min<std::chrono::seconds>(kLook, config_.interval),
                      [] { return false; });
  }
}

void Scrubbing::scrubInBackground(State& state, const std::stop_token& stop) {
  store::ScrubOptions options{.bytesPerS = config_.bytesPerS, .firstShelf = state.nextShelf, .progress = {}};
  options.progress = [&](unsigned shelf, const store::ScrubReport&) {
    state.nextShelf = std::max(shelf, 1u);  // 0 would say that none is under way
    save(state);
  };
  const store::ScrubReport report = scrubber_.scrub(options, stop);
  state = {.finishedAt = clock_.now()};
  save(state);
  for (const store::Damaged& each : report.damaged)
    base::Log("scrub").error(
        "damaged; fairlead registry:scrub tells how to heal it",
        {{"kind", store::name(each.kind)}, {"digest", each.digest.str()}, {"finding", each.finding}});
  base::Log("scrub").info("scrubbed", {{"blobs", report.blobs},
                                       {"manifests", report.manifests},
                                       {"bytes", report.bytes},
                                       {"damaged", report.damaged.size()}});
}

}  // namespace controller
