#include "runner/app_log.h"

#include <algorithm>
#include <condition_variable>
#include <iterator>
#include <utility>

#include "base/atomic_file.h"
#include "base/error.h"
#include "base/log.h"
#include "base/strings.h"
#include "runner/detail/cri_log.h"
#include "runner/detail/log_stream.h"

namespace runner {
namespace {

using detail::LogStream;

constexpr std::chrono::milliseconds kPollEvery{100};
constexpr std::uint64_t kRound = 1u << 20;  // bytes of a spool
constexpr int kMaxRounds = 64;              // for one reader

detail::SegmentLimits segmentLimits(const AppLogLimits& limits) {
  constexpr std::uint64_t kSmallest = 64u << 10;
  detail::SegmentLimits segments;
  segments.maxBytes = limits.maxBytes;
  segments.maxAge = std::chrono::hours(24) * std::min<std::uint64_t>(limits.maxDays, 100'000);
  segments.segmentBytes = std::clamp(limits.maxBytes / 4, kSmallest, segments.segmentBytes);
  return segments;
}

/// For a reader, who gets what is stored also where nothing can be stored any more: on a full disk. The
/// collector tells of that, and tries again.
void collectForReader(LogStream& stream) {
  try {
    for (int round = 0; round < kMaxRounds && stream.collect(kRound);)
      ++round;
  } catch (const base::Error& failure) {
    base::Log("log").debug("log not taken", {{"error", failure.what()}});
  }
}

}  // namespace

std::string LogLine::format() const {
  const std::string tag = source == process ? source : source + "[" + process + "]";
  return time + " " + tag + ": " + detail::printableLine(text);
}

AppLog::AppLog(std::filesystem::path root, const base::Clock& clock, AppLogLimits limits)
    : root_(std::move(root)), clock_(clock), limits_(limits) {}

AppLog::~AppLog() = default;

/// The lock is held while an app's newest segment is read for the first time: nobody may have a second object
/// for the same files.
std::shared_ptr<LogStream> AppLog::stream(const store::AppName& app) const {
  const std::lock_guard lock(mutex_);
  auto& found = streams_[app];
  if (!found) found = std::make_shared<LogStream>(root_ / app.str(), segmentLimits(limits_), clock_, claim_);
  return found;
}

std::filesystem::path AppLog::spoolFile(const store::AppName& app, const std::string& process,
                                        const std::string& container) {
  return stream(app)->addSpool(root_ / app.str(), process, container);
}

void AppLog::append(const store::AppName& app, const std::string& part, const std::string& text) {
  std::vector<std::string> lines = base::split(text, '\n');
  std::erase(lines, "");
  stream(app)->append(part, lines);
}

void AppLog::mask(const store::AppName& app, std::vector<LogLine>& lines) const {
  if (!secretsOf_ || lines.empty()) return;
  const auto secrets = secretsOf_(app);
  for (LogLine& line : lines)
    line.text = base::SecretMask::apply(secrets, line.text);
}

std::vector<LogLine> AppLog::read(const store::AppName& app, const LogQuery& query) {
  const auto stream = this->stream(app);
  collectForReader(*stream);
  const detail::LogSnapshot snapshot = stream->snapshot();
  detail::LogPlace place;
  std::vector<LogLine> lines;
  if (query.after) {
    place.next = *query.after + 1;
    while (place.next < snapshot.next && lines.size() < query.lines) {
      const auto more = detail::readOn(snapshot, query, place);
      lines.insert(lines.end(), more.begin(), more.end());
    }
    if (lines.size() > query.lines) lines.resize(query.lines);
  } else {
    lines = detail::readTail(snapshot, query, place);
  }
  mask(app, lines);
  return lines;
}

void AppLog::follow(const store::AppName& app, const LogQuery& query,
                    const std::function<void(const LogLine&)>& sink, const std::stop_token& stop) {
  Follower(*this, app, query).run(sink, stop);
}

AppLog::Follower::Follower(const AppLog& log, const store::AppName& app, const LogQuery& query)
    : log_(log),
      app_(app),
      query_(query),
      stream_(log.stream(app)),
      place_(std::make_unique<detail::LogPlace>()) {
  if (query.after) {
    // A power cut may have taken the log's end: the lines that come there now have numbers that were read.
    place_->next = std::min(*query.after, stream_->snapshot().next - 1) + 1;
    return;
  }
  collectForReader(*stream_);
  found_ = detail::readTail(stream_->snapshot(), query, *place_);
}

AppLog::Follower::~Follower() = default;

/// In steps that can be repeated: none loses a line when it fails.
void AppLog::Follower::look() {
  if (found_.empty()) {
    collectForReader(*stream_);
    const detail::LogSnapshot snapshot = stream_->snapshot();
    do {
      found_ = detail::readOn(snapshot, query_, *place_);
    } while (found_.empty() && place_->next < snapshot.next);
  }
  auto masked = found_;
  log_.mask(app_, masked);
  waiting_.insert(waiting_.end(), masked.begin(), masked.end());
  found_.clear();
}

void AppLog::Follower::give(const std::function<void(const LogLine&)>& sink) {
  while (!waiting_.empty()) {
    const LogLine line = std::move(waiting_.front());
    waiting_.pop_front();
    sink(line);
  }
}

std::vector<LogLine> AppLog::Follower::take(std::size_t atMost) {
  if (waiting_.empty()) look();
  const auto end = waiting_.begin() + static_cast<std::ptrdiff_t>(std::min(atMost, waiting_.size()));
  std::vector<LogLine> taken(std::make_move_iterator(waiting_.begin()), std::make_move_iterator(end));
  waiting_.erase(waiting_.begin(), end);
  return taken;
}

std::uint64_t AppLog::Follower::waiting() const {
  const std::uint64_t end = stream_->snapshot().next;
  return end - std::min(end, next());
}

std::uint64_t AppLog::Follower::next() const {
  if (!waiting_.empty()) return waiting_.front().number;
  return found_.empty() ? place_->next : found_.front().number;
}

void AppLog::Follower::run(const std::function<void(const LogLine&)>& sink, const std::stop_token& stop) {
  std::mutex mutex;
  std::condition_variable_any never;
  look();
  give(sink);
  while (!stop.stop_requested()) {
    look();
    if (!waiting_.empty()) {
      give(sink);
      continue;
    }
    std::unique_lock lock(mutex);
    never.wait_for(lock, stop, kPollEvery, [] { return false; });
  }
}

std::vector<store::AppName> AppLog::apps() const {
  std::vector<store::AppName> names;
  std::error_code missing;
  for (const auto& item : std::filesystem::directory_iterator(root_, missing)) {
    if (const auto name = store::AppName::tryParse(item.path().filename().string())) names.push_back(*name);
  }
  return names;
}

/// Null for an app without a log, which asking for it does not change.
std::shared_ptr<LogStream> AppLog::existing(const store::AppName& app) const {
  {
    const std::lock_guard lock(mutex_);
    const auto found = streams_.find(app);
    if (found != streams_.end()) return found->second;
  }
  return std::filesystem::exists(root_ / app.str()) ? stream(app) : nullptr;
}

bool AppLog::collect(const store::AppName& app) {
  const auto known = existing(app);
  return known && known->collect(kRound);
}

void AppLog::trim(const store::AppName& app) {
  if (const auto known = existing(app)) known->tidy();
}

std::vector<AppLog::Growth> AppLog::growth(const store::AppName& app) {
  std::vector<Growth> all;
  const auto known = existing(app);
  if (!known) return all;
  for (auto& each : known->growth())
    all.push_back({std::move(each.process), std::move(each.container), each.bytes});
  return all;
}

void AppLog::appendShared(const store::AppName& app, const std::string& spool, std::uint64_t inode,
                          const std::vector<detail::SharedLine>& lines) {
  stream(app)->appendShared(spool, inode, lines);
}

/// It stays known, and takes nothing any more, until its folder has gone: whoever collects or writes
/// meanwhile would begin it anew else.
void AppLog::remove(const store::AppName& app) {
  const auto mine = stream(app);
  const bool hasOther = [&] {
    const std::lock_guard lock(mutex_);
    return std::any_of(streams_.begin(), streams_.end(),
                       [&](const auto& item) { return item.first != app && item.second == mine; });
  }();
  if (hasOther)
    mine->dropSpools(root_ / app.str());
  else
    mine->remove();
  base::removeTree(root_ / app.str());
  const std::lock_guard lock(mutex_);
  const auto found = streams_.find(app);
  if (found != streams_.end() && found->second == mine) streams_.erase(found);
}

void AppLog::beginRename(const store::AppName& from, const store::AppName& to) {
  remove(to);  // what a kill in an earlier attempt left
  const auto one = stream(from);
  const std::lock_guard lock(mutex_);
  streams_.insert_or_assign(to, one);
}

void AppLog::endRename(const store::AppName& from, const store::AppName& to) {
  if (!LogStream::isAt(root_ / from.str()) && LogStream::isAt(root_ / to.str())) {
    // Killed when all had been moved.
    base::removeTree(root_ / from.str());
    const std::lock_guard lock(mutex_);
    streams_.erase(from);
    return;
  }
  const auto one = stream(from);
  one->moveTo(root_ / to.str());
  const std::lock_guard lock(mutex_);
  streams_.erase(from);
  streams_.insert_or_assign(to, one);
}

}  // namespace runner
