// What object checks found, judged by the policy.
#pragma once

#include <atomic>
#include <cstdint>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "git/fsck_policy.h"
#include "git/object_id.h"

namespace git::detail {

/// Keeps the first hundred warnings. Thread-safe.
class FsckReport {
 public:
  explicit FsckReport(const FsckPolicy& policy) : policy_(policy) {}

  const FsckPolicy& policy() const noexcept { return policy_; }
  /// Throws invalidArgument, "object ID: MESSAGE-ID: text", where the policy says that it is an error.
  void add(const ObjectId& id, FsckMessage message, std::string_view text);
  std::vector<std::string> takeWarnings();
  std::uint64_t warningCount() const noexcept { return count_; }

 private:
  const FsckPolicy& policy_;
  std::mutex mutex_;
  std::vector<std::string> warnings_;
  std::atomic<std::uint64_t> count_ = 0;
};

}  // namespace git::detail
