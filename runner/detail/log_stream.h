// The log of one app: its spools, taken into its segments, and readers of these.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "runner/app_log.h"
#include "runner/detail/log_segments.h"
#include "runner/detail/log_spool.h"

namespace runner::detail {

/// Where a reader goes on.
struct LogPlace {
  std::uint64_t next = 1;     ///< number of the line that it wants
  std::uint64_t segment = 0;  ///< number of the first line of the segment that it lies in; 0: to be found
  std::uint64_t number = 0;   ///< of the line at `offset`
  std::uint64_t offset = 0;   ///< in the segment
};

/// What was there at one moment.
struct LogSnapshot {
  std::filesystem::path folder;
  std::vector<Segment> segments;
  std::uint64_t next = 1;
};

/// What a running process writes into its spool, for who watches its rate.
struct SpoolGrowth {
  std::string process;
  std::string container;
  std::uint64_t bytes = 0;  ///< so far
};

/// A line of a spool that several apps share, and where it ends there.
struct SharedLine {
  std::uint64_t end = 0;
  LogEntry entry;
};

/// FOLDER/*.log are the spools, FOLDER/stream the segments. Lines come into the segments when somebody asks:
/// each once, whatever is killed when, since what was taken of each spool is written with the lines.
/// Thread-safe; its lock is held while the disk is written to, since lines and places must not part.
class LogStream {
 public:
  /// `claim` is its spools'.
  LogStream(std::filesystem::path folder, SegmentLimits limits, const base::Clock& clock,
            LogSpool::Claim claim = {});
  /// Whether a folder has segments of one.
  static bool isAt(const std::filesystem::path& folder);

  /// A file for what a container's process will write, in `folder`, which is this one's or will be.
  std::filesystem::path addSpool(const std::filesystem::path& folder, const std::string& process,
                                 const std::string& container);
  /// Takes what the spools have, at most `maxBytes` of each; true when there is more.
  bool collect(std::uint64_t maxBytes);
  /// Lines of the platform, behind all that the spools have.
  void append(const std::string& part, const std::vector<std::string>& lines);
  /// Those of `lines` that are not here yet: of the shared spool `name`, in order.
  void appendShared(const std::string& name, std::uint64_t inode, const std::vector<SharedLine>& lines);
  /// Compresses, removes what is over the limits and spools that nobody will write to any more.
  void tidy();
  std::vector<SpoolGrowth> growth();

  LogSnapshot snapshot() const;
  /// The app's folder is to be `folder`: segments move there now; spools that lie elsewhere are taken to
  /// their end, and go, and those that lie there belong to it.
  void moveTo(const std::filesystem::path& folder);
  /// Forgets the spools in `folder`, taken to their end.
  void dropSpools(const std::filesystem::path& folder);
  /// All of it; later calls do nothing.
  void remove();

 private:
  struct Held {
    std::unique_ptr<CriSpool> file;
    base::Time added;
    std::uint64_t freed = 0;  ///< up to where the disk has it back
  };

  void hold(const std::filesystem::path& path);
  bool collectLocked(std::uint64_t maxBytes, std::vector<LogEntry> more);
  void collectAll();
  void freeTaken(std::uint64_t atLeast);
  SpoolPlace kept(const std::string& name) const;
  void findSpools();

  mutable std::mutex mutex_;
  const base::Clock& clock_;
  const LogSpool::Claim claim_;
  std::filesystem::path folder_;
  LogSegments segments_;
  std::vector<Held> spools_;
  bool removed_ = false;
};

/// The last lines that match, and at most `query.lines` of them; `place` is behind the newest line of all.
std::vector<LogLine> readTail(const LogSnapshot& snapshot, const LogQuery& query, LogPlace& place);
/// Matching lines from `place` on, of at most about a MiB of the log, which goes behind them. Lines that are
/// no longer there are passed over.
std::vector<LogLine> readOn(const LogSnapshot& snapshot, const LogQuery& query, LogPlace& place);

}  // namespace runner::detail
