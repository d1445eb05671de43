// What the registry counts.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <string>

#include "base/metrics.h"
#include "registry/detail/registry_request.h"

namespace registry::detail {

/// Requests by what they are for, their time, their bytes, and refusals by code: small fixed sets, whatever
/// clients send. Thread-safe, never blocks but to count a refusal.
class RegistryMetrics {
 public:
  /// `metrics` outlives it.
  explicit RegistryMetrics(base::Metrics& metrics);

  enum class Operation {
    list,  ///< version check, catalog, tags, referrers, and what is no path
    head,
    pullManifest,
    pullBlob,
    putManifest,
    beginUpload,
    uploadChunk,
    completeUpload,
    uploadStatus,
    remove
  };
  static constexpr std::size_t kOperations = 10;
  static Operation operationOf(RegistryRequest::Kind kind, const std::string& method);

  void answered(Operation operation, double seconds) {
    seconds_.at(static_cast<std::size_t>(operation))->observe(seconds);
  }
  /// Where the time of what came in went; called with what there was of it.
  enum class Phase { receive, write, hash, sync, commit };
  static constexpr std::size_t kPhases = 5;
  void spent(Phase phase, std::chrono::steady_clock::duration time) {
    phaseSeconds_.at(static_cast<std::size_t>(phase))->observe(std::chrono::duration<double>(time).count());
  }
  void received(std::uint64_t bytes) { in_.add(bytes); }
  void sent(std::uint64_t bytes) { out_.add(bytes); }
  void setUploads(std::size_t count) { uploads_.set(static_cast<std::int64_t>(count)); }
  /// `code` is one of ours.
  void refused(const char* code);

 private:
  base::Metrics& metrics_;
  std::array<base::Histogram*, kOperations> seconds_{};
  std::array<base::Histogram*, kPhases> phaseSeconds_{};
  base::Counter& in_;
  base::Counter& out_;
  base::Gauge& uploads_;
};

}  // namespace registry::detail
