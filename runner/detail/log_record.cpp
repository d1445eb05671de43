#include "runner/detail/log_record.h"

#include <Poco/Checksum.h>

#include <algorithm>
#include <array>
#include <cstdio>

#include "base/strings.h"

namespace runner::detail {
namespace {

constexpr std::size_t kMaxText = 256u << 10;
constexpr std::size_t kTimeLength = 35;   // "2026-01-31T12:00:00.123456789+00:00"
constexpr std::size_t kShownLength = 26;  // up to the microsecond
constexpr std::size_t kChecksumLength = 8;

std::string checksumOf(std::string_view bytes) {
  Poco::Checksum sum(Poco::Checksum::TYPE_CRC32);
  constexpr std::size_t kStep = 1u << 30;  // its lengths are unsigned int
  for (; !bytes.empty(); bytes.remove_prefix(std::min(kStep, bytes.size())))
    sum.update(bytes.data(), static_cast<unsigned>(std::min(kStep, bytes.size())));
  std::array<char, kChecksumLength + 1> text{};
  std::snprintf(text.data(), text.size(), "%08x", static_cast<unsigned>(sum.checksum()));
  return text.data();
}

/// "NAME:INODE:OFFSET:BEHIND".
bool readPlace(const std::string& word, SpoolPlaces& places) {
  const auto parts = base::split(word, ':');
  SpoolPlace place;
  if (parts.size() != 4 || !base::parseNumber(parts[1], place.inode) ||
      !base::parseNumber(parts[2], place.offset) || !base::parseNumber(parts[3], place.behind))
    return false;
  places.insert_or_assign(parts[0], place);
  return true;
}

/// The last line of a batch, whose checksum is right.
bool readEnd(std::string_view line, SegmentScan& scan) {
  const auto words = base::split(line, ' ');
  if (words.size() < 3 || !base::parseNumber(words[1], scan.next)) return false;
  return std::all_of(words.begin() + 2, words.end() - 1,
                     [&](const std::string& word) { return readPlace(word, scan.places); });
}

}  // namespace

LogEntry makeEntry(LogTime time, std::string_view source, std::string_view process, std::string_view text) {
  LogEntry entry{time, formatFullLogTime(std::max<LogTime>(time, 0))};
  std::string& record = entry.record;
  text = text.substr(0, kMaxText);
  record.reserve(record.size() + source.size() + process.size() + text.size() + 4);
  for (const std::string_view word : {source, process, text}) {
    record += ' ';
    record += word;
  }
  std::replace(record.begin() + kTimeLength, record.end(), '\n', ' ');
  record += '\n';
  return entry;
}

LogLine RecordView::line(std::uint64_t number) const {
  return LogLine{.time = std::string(time.substr(0, kShownLength)) + "+00:00",
                 .source = std::string(source),
                 .process = std::string(process),
                 .text = std::string(text),
                 .number = number};
}

std::optional<RecordView> parseRecord(std::string_view record) {
  if (record.size() < kTimeLength || record.front() == '=') return std::nullopt;
  RecordView view{.time = record.substr(0, kTimeLength), .source = {}, .process = {}, .text = {}};
  const std::size_t source = kTimeLength + 1;
  const std::size_t process = record.find(' ', source);
  const std::size_t text = process == std::string_view::npos ? process : record.find(' ', process + 1);
  if (text == std::string_view::npos) return std::nullopt;
  view.source = record.substr(source, process - source);
  view.process = record.substr(process + 1, text - process - 1);
  view.text = record.substr(text + 1);
  return view;
}

void endBatch(std::string& batch, std::uint64_t next, const SpoolPlaces& places) {
  batch += "= " + std::to_string(next) + " ";
  for (const auto& [name, place] : places) {
    batch += name + ":" + std::to_string(place.inode) + ":" + std::to_string(place.offset) + ":" +
             std::to_string(place.behind) + " ";
  }
  batch += checksumOf(batch) + "\n";
}

SegmentScan scanSegment(std::string_view bytes, std::uint64_t first) {
  SegmentScan whole{.bytes = 0, .next = first, .places = {}};
  std::size_t begin = 0;  // of the batch
  for (std::size_t at = 0; at < bytes.size();) {
    const std::size_t end = bytes.find('\n', at);
    if (end == std::string_view::npos) break;
    const std::string_view line = bytes.substr(at, end - at);
    at = end + 1;
    if (line.empty() || line.front() != '=') continue;
    if (line.size() < kChecksumLength || checksumOf(bytes.substr(begin, end - kChecksumLength - begin)) !=
                                             line.substr(line.size() - kChecksumLength))
      break;
    SegmentScan after = whole;
    if (!readEnd(line, after)) break;
    after.bytes = begin = at;
    whole = std::move(after);
  }
  return whole;
}

}  // namespace runner::detail
