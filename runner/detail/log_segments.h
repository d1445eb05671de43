// An app's log on disk: files of numbered lines, the newest one open, the others compressed.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/fd.h"
#include "runner/detail/log_record.h"

namespace runner::detail {

struct SegmentLimits {
  std::uint64_t maxBytes = 64ull << 20;  ///< on disk, of all segments; the oldest go first
  std::chrono::hours maxAge{24 * 30};    ///< of a segment's newest line
  std::uint64_t segmentBytes = 4u << 20;
  std::chrono::hours segmentAge{24};  ///< from its first line on: then another one begins
};

/// One file. Its content never changes up to `bytes`; it may be compressed, or gone, at any time.
struct Segment {
  std::uint64_t first = 0;  ///< number of its first line
  std::int64_t since = 0;   ///< seconds since 1970 when it was begun
  std::uint64_t bytes = 0;  ///< of the active one: written; of another: 0, all of it
};

/// FIRST-SINCE.log is a plain segment, FIRST-SINCE.log.gz a compressed one; the one with the highest number
/// is written to. Lines are numbered from 1 on, without a gap. A kill at any moment leaves all batches of
/// which append() has returned; a power cut may take the newest of them, but none before sync(). One thread
/// at a time, but for load().
class LogSegments {
 public:
  LogSegments(std::filesystem::path folder, SegmentLimits limits, const base::Clock& clock);

  /// The folder has been moved.
  void moveTo(std::filesystem::path folder) { folder_ = std::move(folder); }
  const std::filesystem::path& folder() const noexcept { return folder_; }

  /// All or, with an error, nothing of it is kept. `places` are those that have changed.
  void append(const std::vector<LogEntry>& entries, const SpoolPlaces& places);
  /// What was appended survives a power cut.
  void sync();
  /// A spool that will never come again.
  void forget(const std::string& spool) { places_.erase(spool); }
  /// Compresses what is full, and removes what is over a limit.
  void tidy();

  std::uint64_t next() const noexcept { return next_; }
  /// What one append() had better stay below: a segment goes as a whole.
  std::uint64_t segmentBytes() const noexcept { return limits_.segmentBytes; }
  const SpoolPlaces& places() const noexcept { return places_; }
  /// Oldest first; never empty once something was appended.
  std::vector<Segment> list() const;
  /// A segment's bytes from an offset on; empty when it is gone. Thread-safe; `folder` is what folder() was.
  static std::string load(const std::filesystem::path& folder, const Segment& segment, std::uint64_t from = 0,
                          std::uint64_t atMost = UINT64_MAX);

 private:
  void recover();
  void begin();
  void compress(const Segment& segment) const;
  std::uint64_t sizeOf(const Segment& segment) const;
  void drop(const Segment& segment);

  std::filesystem::path folder_;
  const SegmentLimits limits_;
  const base::Clock& clock_;
  std::vector<Segment> sealed_;  // oldest first
  Segment active_;
  base::Fd fd_;  // of the active one; invalid before the first append
  std::uint64_t next_ = 1;
  bool dirty_ = false;
  SpoolPlaces places_;
};

}  // namespace runner::detail
