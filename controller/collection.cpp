#include "controller/collection.h"

#include <pthread.h>

#include <numeric>
#include <set>
#include <string>

#include "base/log.h"

namespace controller {
namespace {

/// A layer that nothing names may still lie under a build that began before its stack was replaced: longer
/// than any build may take.
constexpr std::chrono::hours kUnpackedIdle{24};

}  // namespace

Collection::Collection(const CollectionConfig& config, store::ReleaseStore& store,
                       store::DiskBlobStore& blobs, sandbox::LayerStore& layers)
    : config_(config), store_(store), layers_(layers), collector_(store, blobs, config.retention) {
  if (config_.interval.count() == 0) return;
  thread_ = std::jthread([this](const std::stop_token& stop) {
    ::pthread_setname_np(::pthread_self(), "collection");
    loop(stop);
  });
}

std::vector<store::Garbage> Collection::collect(std::stop_token stop) {
  auto gone = collector_.collect(stop);
  std::set<std::string> named;
  for (const store::Digest& digest : store_.referencedBlobs())
    named.insert(digest.hex());
  const std::size_t unpacked = layers_.sweep(named, kUnpackedIdle);
  const std::uint64_t bytes =
      std::accumulate(gone.begin(), gone.end(), std::uint64_t{0},
                      [](std::uint64_t sum, const store::Garbage& each) { return sum + each.bytes; });
  if (!gone.empty() || unpacked > 0)
    base::Log("collection")
        .info("collected", {{"things", gone.size()}, {"bytes", bytes}, {"unpacked_layers", unpacked}});
  return gone;
}

void Collection::loop(const std::stop_token& stop) {
  while (true) {
    {
      std::unique_lock lock(mutex_);
      changed_.wait_for(lock, stop, config_.interval, [] { return false; });
    }
    if (stop.stop_requested()) return;
    try {
      collect(stop);
    } catch (const std::exception& error) {
      base::Log("collection").error("collection failed", {{"error", error.what()}});
    }
  }
}

}  // namespace controller
