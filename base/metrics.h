// What the daemon counts, for Prometheus.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

namespace base {

/// Only grows. Thread-safe, never blocks.
class Counter {
 public:
  void add(std::uint64_t count = 1) noexcept { value_.fetch_add(count, std::memory_order_relaxed); }
  std::uint64_t value() const noexcept { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::uint64_t> value_{0};
};

/// Goes up and down. Thread-safe, never blocks.
class Gauge {
 public:
  void add(std::int64_t difference) noexcept { value_.fetch_add(difference, std::memory_order_relaxed); }
  void set(std::int64_t value) noexcept { value_.store(value, std::memory_order_relaxed); }
  std::int64_t value() const noexcept { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::int64_t> value_{0};
};

/// How long things took, in seconds: one set of buckets for all, from 1 ms to 10 minutes. Thread-safe.
class Histogram {
 public:
  static constexpr std::array kBounds{0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1,  0.25,
                                      0.5,   1.0,    2.5,   5.0,  10.0,  30.0, 60.0, 600.0};
  void observe(double seconds) noexcept;
  /// How many took no longer than kBounds[index]; the last is all of them.
  std::array<std::uint64_t, kBounds.size() + 1> cumulative() const noexcept;
  double sum() const noexcept;

 private:
  std::array<std::atomic<std::uint64_t>, kBounds.size() + 1> buckets_{};
  std::atomic<std::uint64_t> microseconds_{0};
};

/// The name and labels of one metric. Names and label names are ours; label values must come from a small
/// fixed set, since each is kept for ever.
struct MetricId {
  std::string name;
  std::string help;  ///< one sentence
  std::vector<std::pair<std::string, std::string>> labels;
};

/// All metrics of the daemon. What it hands out lives as long as it does, and is the same for the same id.
/// A name belongs to one kind. Thread-safe.
class Metrics {
 public:
  Counter& counter(const MetricId& id);
  Gauge& gauge(const MetricId& id);
  Histogram& histogram(const MetricId& id);
  /// All values, in Prometheus' text exposition format 0.0.4.
  std::string text() const;

 private:
  struct Family {
    std::string help;
    std::map<std::string, std::unique_ptr<Counter>> counters;  // by labels as written
    std::map<std::string, std::unique_ptr<Gauge>> gauges;
    std::map<std::string, std::unique_ptr<Histogram>> histograms;
  };
  Family& family(const MetricId& id);

  mutable std::mutex mutex_;
  std::map<std::string, Family> families_;
};

}  // namespace base
