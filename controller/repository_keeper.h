// Keeps repositories small in the background: every push leaves a pack, and some day they are joined.
#pragma once

#include <chrono>
#include <condition_variable>
#include <filesystem>
#include <map>
#include <mutex>
#include <set>
#include <thread>

#include "git/consolidate.h"

namespace controller {

struct RepositoryKeeperConfig {
  std::size_t packsPerClass = 8;  ///< setting pack_join_count: git::ConsolidateOptions
  /// How long packs stay after they were joined, for those who read from them.
  std::chrono::seconds grace{600};
};

/// One thread of the lowest priority, which looks at repositories that it was told of, one at a time. Never
/// inside a push. Thread-safe; the destructor stops what is under way (the old packs stay then).
class RepositoryKeeper {
 public:
  explicit RepositoryKeeper(RepositoryKeeperConfig config);
  ~RepositoryKeeper();
  RepositoryKeeper(const RepositoryKeeper&) = delete;
  RepositoryKeeper& operator=(const RepositoryKeeper&) = delete;

  /// Objects have come to it.
  void look(const std::filesystem::path& repository);

 private:
  using Clock = std::chrono::steady_clock;
  void loop(const std::stop_token& stop);
  void keep(const std::filesystem::path& repository, const std::stop_token& stop);
  bool busy(const std::filesystem::path& repository) const;
  void removeSuperseded();

  /// Packs that may go when their readers have had time.
  struct Superseded {
    std::filesystem::path repository;
    git::Consolidated done;
  };

  const RepositoryKeeperConfig config_;
  std::mutex mutex_;
  std::condition_variable_any changed_;
  std::set<std::filesystem::path> waiting_;
  std::multimap<Clock::time_point, Superseded> superseded_;  // the thread's own
  std::jthread thread_;
};

}  // namespace controller
