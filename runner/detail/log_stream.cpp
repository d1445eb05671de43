#include "runner/detail/log_stream.h"

#include <algorithm>
#include <chrono>
#include <iterator>
#include <utility>

#include "base/atomic_file.h"
#include "base/error.h"

namespace runner::detail {
namespace {

constexpr std::uint64_t kFreeEvery = 1u << 20;   // bytes of a spool
constexpr std::uint64_t kTidyFrees = 64u << 10;  // the same, when there is time
constexpr std::chrono::minutes kNeverComes{10};
constexpr const char* kSegments = "stream";

void sortByTime(std::vector<LogEntry>& entries) {
  std::stable_sort(entries.begin(), entries.end(),
                   [](const LogEntry& a, const LogEntry& b) { return a.time < b.time; });
}

}  // namespace

LogStream::LogStream(std::filesystem::path folder, SegmentLimits limits, const base::Clock& clock,
                     LogSpool::Claim claim)
    : clock_(clock),
      claim_(std::move(claim)),
      folder_(std::move(folder)),
      segments_(folder_ / kSegments, limits, clock) {
  findSpools();
}

bool LogStream::isAt(const std::filesystem::path& folder) {
  return std::filesystem::exists(folder / kSegments);
}

/// Those that an earlier daemon has made.
void LogStream::findSpools() {
  std::error_code missing;
  for (const auto& item : std::filesystem::directory_iterator(folder_, missing))
    if (item.path().extension() == ".log") hold(item.path());
}

void LogStream::hold(const std::filesystem::path& path) {
  const std::string name = path.filename();
  const bool known = std::any_of(spools_.begin(), spools_.end(),
                                 [&](const Held& held) { return held.file->name() == name; });
  if (!known)
    spools_.push_back(
        {.file = std::make_unique<CriSpool>(path, kept(name), claim_), .added = clock_.now(), .freed = 0});
}

SpoolPlace LogStream::kept(const std::string& name) const {
  const auto found = segments_.places().find(name);
  return found == segments_.places().end() ? SpoolPlace{} : found->second;
}

std::filesystem::path LogStream::addSpool(const std::filesystem::path& folder, const std::string& process,
                                          const std::string& container) {
  const auto path = folder / (process + "~" + container + ".log");
  std::filesystem::create_directories(folder);
  const std::lock_guard lock(mutex_);
  hold(path);
  return path;
}

bool LogStream::collect(std::uint64_t maxBytes) {
  const std::lock_guard lock(mutex_);
  return collectLocked(maxBytes, {});
}

void LogStream::append(const std::string& part, const std::vector<std::string>& lines) {
  const std::lock_guard lock(mutex_);
  constexpr std::uint64_t kEnough = 256u << 10;  // what was said just before it
  const LogTime now = toLogTime(clock_.now());
  std::vector<LogEntry> entries;
  for (const std::string& line : lines)
    entries.push_back(makeEntry(now, "fairlead", part, line));
  collectLocked(kEnough, std::move(entries));
}

/// `more` come behind what is taken, whatever their time.
bool LogStream::collectLocked(std::uint64_t maxBytes, std::vector<LogEntry> more) {
  if (removed_) return false;
  std::vector<LogEntry> entries;
  SpoolPlaces changed;
  bool left = false;
  constexpr std::uint64_t kLeast = 64u << 10;  // more than the longest line
  maxBytes = std::min(maxBytes, std::max(kLeast, segments_.segmentBytes()));
  try {
    for (const Held& held : spools_) {
      const auto& spool = held.file;
      left = spool->take(maxBytes, entries) || left;
      if (spool->lostLines())
        entries.push_back(makeEntry(toLogTime(clock_.now()), "fairlead", "log",
                                    spool->process() +
                                        " wrote more than the server's spool holds while the server did not "
                                        "run: its oldest lines of then are lost"));
      if (spool->place() != kept(spool->name())) changed.insert_or_assign(spool->name(), spool->place());
    }
    sortByTime(entries);
    std::move(more.begin(), more.end(), std::back_inserter(entries));
    if (!entries.empty() || !changed.empty()) segments_.append(entries, changed);
  } catch (...) {
    for (const Held& held : spools_)
      held.file->goBackTo(kept(held.file->name()));
    throw;
  }
  freeTaken(kFreeEvery);
  return left;
}

void LogStream::appendShared(const std::string& name, std::uint64_t inode,
                             const std::vector<SharedLine>& lines) {
  const std::lock_guard lock(mutex_);
  if (removed_ || lines.empty()) return;
  const SpoolPlace before = kept(name);
  std::vector<LogEntry> entries;
  for (const SharedLine& line : lines)
    if (before.inode != inode || line.end > before.offset) entries.push_back(line.entry);
  const std::uint64_t end = lines.back().end;
  if (!entries.empty()) segments_.append(entries, {{name, {.inode = inode, .offset = end, .behind = end}}});
}

/// What a spool had is on the disk before it goes there.
void LogStream::freeTaken(std::uint64_t atLeast) {
  for (Held& held : spools_) {
    const SpoolPlace place = kept(held.file->name());
    if (place.behind < held.freed) held.freed = 0;  // another file
    if (place.behind - held.freed < atLeast) continue;
    segments_.sync();
    held.file->freeUpTo(place);
    held.freed = place.behind;
  }
}

void LogStream::tidy() {
  const std::lock_guard lock(mutex_);
  if (removed_) return;
  freeTaken(kTidyFrees);
  std::erase_if(spools_, [&](const Held& held) {
    const std::string name = held.file->name();
    // A container that did not start never made its file.
    if (!held.file->exists()) return clock_.now() - held.added > kNeverComes;
    if (!held.file->isDone()) return false;
    segments_.sync();
    held.file->removeFile();
    segments_.forget(name);
    return true;
  });
  segments_.tidy();
}

std::vector<SpoolGrowth> LogStream::growth() {
  const std::lock_guard lock(mutex_);
  std::vector<SpoolGrowth> all;
  for (const Held& held : spools_) {
    if (!held.file->container().empty())
      all.push_back({held.file->process(), held.file->container(), held.file->grown()});
  }
  return all;
}

LogSnapshot LogStream::snapshot() const {
  const std::lock_guard lock(mutex_);
  if (removed_) return {.folder = {}, .segments = {}, .next = segments_.next()};
  return {.folder = segments_.folder(), .segments = segments_.list(), .next = segments_.next()};
}

void LogStream::collectAll() {
  constexpr std::uint64_t kRound = 4u << 20;
  while (collectLocked(kRound, {}))
    continue;
}

void LogStream::moveTo(const std::filesystem::path& folder) {
  const std::lock_guard lock(mutex_);
  collectAll();
  if (std::filesystem::exists(segments_.folder())) {
    base::removeTree(folder / kSegments);
    std::filesystem::create_directories(folder);
    std::filesystem::rename(segments_.folder(), folder / kSegments);
    base::fsyncFolder(folder);
  }
  segments_.moveTo(folder / kSegments);
  const auto before = std::exchange(folder_, folder);
  std::erase_if(spools_, [&](const Held& held) { return held.file->folder() != folder; });
  findSpools();
  if (before != folder) base::removeTree(before);
}

void LogStream::dropSpools(const std::filesystem::path& folder) {
  const std::lock_guard lock(mutex_);
  collectAll();
  std::erase_if(spools_, [&](const Held& held) { return held.file->folder() == folder; });
}

void LogStream::remove() {
  const std::lock_guard lock(mutex_);
  removed_ = true;
  spools_.clear();
  base::removeTree(folder_);
}

}  // namespace runner::detail
