// A build's log on disk, replayed from byte 0 by any number of watchers.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <mutex>
#include <stop_token>
#include <string>

#include "base/fd.h"
#include "base/secret_mask.h"
#include "builder/build_output.h"

namespace controller {

/// Written by the build's worker, read by watchers on their own threads; the writer never waits for a reader.
/// After `maxBytes` (setting build_log_max_bytes) one line says so and the rest is dropped. Thread-safe.
class BuildLog : public builder::BuildOutput {
 public:
  /// Makes the folder and the file (truncated).
  BuildLog(const std::filesystem::path& file, std::uint64_t maxBytes);
  void write(std::string_view bytes) override;
  /// From now on these are replaced. The writer's.
  void hide(std::shared_ptr<const base::Secrets> secrets);
  /// A text of one piece, as the log would show it.
  std::string masked(std::string_view text) const;
  /// No more will come (lines are whole by then); wakes all watchers.
  void close();
  /// Bytes from `offset`, at most 64 KiB; empty when there are none yet.
  std::string read(std::uint64_t offset) const;
  /// Bytes so far.
  std::uint64_t size() const;
  /// Waits until there is something beyond `offset`, the log is closed, or the time is over. Returns false
  /// when it is closed and `offset` is its end.
  bool waitFor(std::uint64_t offset, std::chrono::milliseconds timeout, std::stop_token stop);

 private:
  void append(std::string_view bytes);

  base::Fd fd_;
  std::shared_ptr<const base::Secrets> secrets_;
  base::SecretMask mask_{nullptr};
  const std::uint64_t maxBytes_;
  mutable std::mutex mutex_;
  std::condition_variable_any changed_;
  std::uint64_t size_ = 0;
  bool full_ = false;
  bool closed_ = false;
};

}  // namespace controller
