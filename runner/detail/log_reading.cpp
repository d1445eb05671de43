// Readers of an app's segments. (log_stream.h)
#include <algorithm>
#include <iterator>

#include "runner/detail/log_stream.h"

namespace runner::detail {
namespace {

constexpr std::size_t kMaxLines = 100'000;
constexpr std::uint64_t kMaxText = 32u << 20;     // of an answer
constexpr std::uint64_t kMaxLooked = 256u << 20;  // of the log, for one answer
constexpr std::uint64_t kPage = 1u << 20;

/// "web.1" is meant by "web.1" and by "web".
bool isProcess(std::string_view process, const std::string& asked) {
  if (asked.empty() || process == asked) return true;
  return process.size() > asked.size() && process.starts_with(asked) && process[asked.size()] == '.';
}

/// "heroku" is what Heroku's clients call all that the app did not write itself.
bool isSource(std::string_view source, const std::string& asked) {
  return asked.empty() || source == asked || (asked == "heroku" && source != "app");
}

bool matches(const RecordView& record, const LogQuery& query) {
  return isSource(record.source, query.source) && isProcess(record.process, query.process);
}

/// The lines of one segment from its end on, newest first; false when there are enough.
class Backwards {
 public:
  Backwards(const LogQuery& query, std::size_t count) : query_(query), count_(count) {}

  bool read(std::string_view bytes, std::uint64_t next) {
    looked_ += bytes.size();
    while (!bytes.empty()) {
      bytes.remove_suffix(1);  // the newline
      const std::size_t before = bytes.rfind('\n');
      const std::size_t begin = before == std::string_view::npos ? 0 : before + 1;
      if (const auto record = parseRecord(bytes.substr(begin))) {
        --next;
        if (matches(*record, query_)) {
          text_ += record->text.size();
          found_.push_back(record->line(next));
          if (found_.size() >= count_ || text_ >= kMaxText) return false;
        }
      }
      bytes = bytes.substr(0, begin);
    }
    return looked_ < kMaxLooked;
  }

  std::vector<LogLine> inOrder() {
    std::reverse(found_.begin(), found_.end());
    std::stable_sort(found_.begin(), found_.end(),
                     [](const LogLine& a, const LogLine& b) { return a.time < b.time; });
    return std::move(found_);
  }

 private:
  const LogQuery& query_;
  const std::size_t count_;
  std::uint64_t looked_ = 0;
  std::uint64_t text_ = 0;
  std::vector<LogLine> found_;
};

}  // namespace

std::vector<LogLine> readTail(const LogSnapshot& snapshot, const LogQuery& query, LogPlace& place) {
  place = {.next = snapshot.next, .segment = 0, .number = 0, .offset = 0};
  if (!snapshot.segments.empty()) {
    // The newest one is the active one, and `bytes` is its end.
    const Segment& newest = snapshot.segments.back();
    if (newest.bytes != 0)
      place = {
          .next = snapshot.next, .segment = newest.first, .number = snapshot.next, .offset = newest.bytes};
  }
  Backwards lines(query, std::min(query.lines, kMaxLines));
  std::uint64_t next = snapshot.next;
  bool more = query.lines > 0;
  for (auto segment = snapshot.segments.rbegin(); more && segment != snapshot.segments.rend(); ++segment) {
    const std::string bytes = LogSegments::load(snapshot.folder, *segment);
    more = lines.read(std::string_view(bytes).substr(0, bytes.rfind('\n') + 1), next);
    next = segment->first;
  }
  return lines.inOrder();
}

std::vector<LogLine> readOn(const LogSnapshot& snapshot, const LogQuery& query, LogPlace& place) {
  std::vector<LogLine> found;
  const auto& segments = snapshot.segments;
  // Of a log that a power cut has shortened, or that is another app's now.
  place.next = std::min(place.next, snapshot.next);
  if (place.next == snapshot.next || segments.empty()) return found;
  place.next = std::max(place.next, segments.front().first);
  auto behind = std::upper_bound(segments.begin(), segments.end(), place.next,
                                 [](std::uint64_t next, const Segment& each) { return next < each.first; });
  const Segment& segment = *std::prev(behind);
  if (place.segment != segment.first || place.number > place.next)
    place = {.next = place.next, .segment = segment.first, .number = segment.first, .offset = 0};
  const std::string bytes = LogSegments::load(snapshot.folder, segment, place.offset, kPage);
  std::string_view rest = std::string_view(bytes).substr(0, bytes.rfind('\n') + 1);
  place.offset += rest.size();
  while (!rest.empty()) {
    const std::size_t end = rest.find('\n');
    if (const auto record = parseRecord(rest.substr(0, end))) {
      const std::uint64_t number = place.number++;
      if (number >= place.next && matches(*record, query)) found.push_back(record->line(number));
    }
    rest.remove_prefix(end + 1);
  }
  const bool atEnd = bytes.size() < kPage;
  if (atEnd && behind != segments.end())
    place = {.next = behind->first, .segment = behind->first, .number = behind->first, .offset = 0};
  else if (atEnd && bytes.empty())
    place.next = snapshot.next;  // gone while it was read
  else
    place.next = std::max(place.next, place.number);
  return found;
}

}  // namespace runner::detail
