// Reading everything that is stored: once in a while in the background, and by command.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <mutex>
#include <optional>
#include <stop_token>
#include <thread>

#include "base/clock.h"
#include "store/scrubber.h"

namespace controller {

struct ScrubConfig {
  std::uint64_t bytesPerS = 20u << 20;                    ///< scrub_bytes_per_s
  std::chrono::seconds interval = std::chrono::days(30);  ///< scrub_interval_s; 0: by command only
  std::filesystem::path stateFile;
};

/// One thread at the lowest priority, which scrubs when the last scrub was ended `interval` ago, and after a
/// restart goes on where it was. What it finds is in the log. Thread-safe. What it is made of outlives it.
class Scrubbing {
 public:
  Scrubbing(ScrubConfig config, store::ReleaseStore& store, store::DiskBlobStore& blobs,
            const base::Clock& clock);
  Scrubbing(const Scrubbing&) = delete;
  Scrubbing& operator=(const Scrubbing&) = delete;

  /// On the caller's thread, whatever the other does; without a rate, at the setting's.
  store::ScrubReport scrub(std::optional<std::uint64_t> bytesPerS,
                           const std::function<void(const store::ScrubReport&)>& progress,
                           std::stop_token stop);

 private:
  /// The background scrub's place, or the time when the last was done.
  struct State {
    base::Time finishedAt;
    unsigned nextShelf = 0;
  };
  State load() const;
  void save(const State& state) const;
  void loop(const std::stop_token& stop);
  void scrubInBackground(State& state, const std::stop_token& stop);

  const ScrubConfig config_;
  const base::Clock& clock_;
  store::Scrubber scrubber_;
  std::mutex mutex_;
  std::condition_variable_any changed_;
  std::jthread thread_;
};

}  // namespace controller
