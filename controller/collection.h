// Garbage collection of the whole server: rows and blobs, unpacked layers; by the hour and by command.
#pragma once

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <stop_token>
#include <thread>
#include <vector>

#include "sandbox/layer_store.h"
#include "store/collector.h"

namespace controller {

struct CollectionConfig {
  store::Retention retention;
  std::chrono::seconds interval = std::chrono::hours(1);  ///< setting gc_interval_s; 0: by command only
};

/// One thread, which collects every `interval`, the first time when one has passed. Thread-safe. What it is
/// made of outlives it.
class Collection {
 public:
  Collection(const CollectionConfig& config, store::ReleaseStore& store, store::DiskBlobStore& blobs,
             sandbox::LayerStore& layers);
  Collection(const Collection&) = delete;
  Collection& operator=(const Collection&) = delete;

  std::vector<store::Garbage> plan() { return collector_.plan(); }
  /// Nothing is removed while it lives.
  store::Collector::Hold hold() { return collector_.hold(); }
  /// Blocks until done, and waits for one that runs; throws conflict while it is held.
  std::vector<store::Garbage> collect(std::stop_token stop);

 private:
  void loop(const std::stop_token& stop);

  const CollectionConfig config_;
  store::ReleaseStore& store_;
  sandbox::LayerStore& layers_;
  store::Collector collector_;
  std::mutex mutex_;
  std::condition_variable_any changed_;
  std::jthread thread_;
};

}  // namespace controller
