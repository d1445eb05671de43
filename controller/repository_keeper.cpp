#include "controller/repository_keeper.h"

#include <pthread.h>

#include <algorithm>
#include <optional>

#include "base/error.h"
#include "base/log.h"
#include "controller/last_in_line.h"

namespace controller {

RepositoryKeeper::RepositoryKeeper(RepositoryKeeperConfig config)
    : config_(config), thread_([this](const std::stop_token& stop) { loop(stop); }) {}

RepositoryKeeper::~RepositoryKeeper() = default;

void RepositoryKeeper::look(const std::filesystem::path& repository) {
  {
    const std::lock_guard lock(mutex_);
    waiting_.insert(repository);
  }
  changed_.notify_all();
}

void RepositoryKeeper::loop(const std::stop_token& stop) {
  pthread_setname_np(pthread_self(), "repositories");
  beLastInLine();
  while (!stop.stop_requested()) {
    std::optional<std::filesystem::path> next;
    {
      std::unique_lock lock(mutex_);
      const auto due =
          superseded_.empty() ? Clock::now() + std::chrono::hours(1) : superseded_.begin()->first;
      changed_.wait_until(lock, stop, due, [&] { return !waiting_.empty(); });
      if (!waiting_.empty()) next = waiting_.extract(waiting_.begin()).value();
    }
    removeSuperseded();
    if (next && !stop.stop_requested()) keep(*next, stop);
  }
}

void RepositoryKeeper::keep(const std::filesystem::path& repository, const std::stop_token& stop) {
  try {
    // What was joined stays for a while and must not be joined again.
    if (busy(repository)) return;
    git::Consolidated done = git::consolidatePacks(git::openBareRepository(repository),
                                                   {.packsPerClass = config_.packsPerClass, .stop = stop});
    if (done.superseded.empty()) return;
    base::Log("controller")
        .info("packs joined", {{"repository", repository.filename().string()},
                               {"packs", done.superseded.size()},
                               {"objects", done.objects},
                               {"bytes", done.bytes}});
    superseded_.emplace(Clock::now() + config_.grace, Superseded{repository, std::move(done)});
  } catch (const base::Error& failure) {
    // The app was destroyed, the server stops, or the pack is damaged: in any case nothing was changed.
    if (failure.code() == base::Errc::notFound || failure.code() == base::Errc::cancelled) return;
    base::Log("controller")
        .error("packs not joined",
               {{"repository", repository.filename().string()}, {"error", failure.what()}});
  }
}

bool RepositoryKeeper::busy(const std::filesystem::path& repository) const {
  return std::any_of(superseded_.begin(), superseded_.end(),
                     [&](const auto& each) { return each.second.repository == repository; });
}

void RepositoryKeeper::removeSuperseded() {
  while (!superseded_.empty() && superseded_.begin()->first <= Clock::now()) {
    const Superseded old = std::move(superseded_.begin()->second);
    superseded_.erase(superseded_.begin());
    git::removeSuperseded(old.done);
    look(old.repository);
  }
}

}  // namespace controller
