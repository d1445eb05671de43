// How lines lie in the segments of an app's log: batches that are there whole or not at all.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "runner/app_log.h"
#include "runner/detail/cri_log.h"

namespace runner::detail {

/// How far a spool was taken. (log_spool.h.)
struct SpoolPlace {
  std::uint64_t inode = 0;
  std::uint64_t offset = 0;  ///< of the first byte not taken yet
  std::uint64_t behind = 0;  ///< of the first piece of a line whose end has not come; else as offset
  bool operator==(const SpoolPlace&) const = default;
};
/// By the spools' file names.
using SpoolPlaces = std::map<std::string, SpoolPlace, std::less<>>;

/// A line on its way into a segment.
struct LogEntry {
  LogTime time = 0;
  std::string record;  ///< with its newline
};

/// "TIME SOURCE PROCESS TEXT\n", TIME in UTC to the nanosecond, so that records sort as text. SOURCE and
/// PROCESS are words; a newline in TEXT becomes a space, and what is longer than 256 KiB is cut.
LogEntry makeEntry(LogTime time, std::string_view source, std::string_view process, std::string_view text);

/// Views into a record.
struct RecordView {
  std::string_view time;
  std::string_view source;
  std::string_view process;
  std::string_view text;
  /// As people see it; the time to the microsecond.
  LogLine line(std::uint64_t number) const;
};
/// `record` without its newline; nullopt for what is no line: the end of a batch.
std::optional<RecordView> parseRecord(std::string_view record);

/// Ends a batch of records: "= NEXT SPOOL:INODE:OFFSET:BEHIND... CRC\n", NEXT being the number of the line
/// that will follow, CRC over all bytes of the batch before it.
void endBatch(std::string& batch, std::uint64_t next, const SpoolPlaces& places);

/// What is whole of a segment.
struct SegmentScan {
  std::uint64_t bytes = 0;  ///< up to the end of the last whole batch
  std::uint64_t next = 0;   ///< number of the line behind it
  SpoolPlaces places;
};
/// Reads a segment whose first line has the number `first`, up to the first batch that is not as it was
/// written.
SegmentScan scanSegment(std::string_view bytes, std::uint64_t first);

}  // namespace runner::detail
