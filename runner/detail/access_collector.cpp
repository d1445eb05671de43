#include "runner/detail/access_collector.h"

#include <sys/stat.h>

#include <algorithm>
#include <iterator>
#include <map>
#include <utility>

#include "base/atomic_file.h"
#include "base/strings.h"
#include "runner/detail/caddy_access_log.h"

namespace runner::detail {
namespace {

using std::chrono::steady_clock;

constexpr std::uint64_t kRound = 1u << 20;
constexpr std::chrono::seconds kSaveEvery{5};

/// "INODE OFFSET".
SpoolPlace readPlace(const std::filesystem::path& file) {
  SpoolPlace place;
  if (!std::filesystem::exists(file)) return place;
  const auto words = base::split(base::trim(base::readFile(file)), ' ');
  if (words.size() != 2 || !base::parseNumber(words[0], place.inode) ||
      !base::parseNumber(words[1], place.offset))
    return {};
  place.behind = place.offset;
  return place;
}

}  // namespace

void AccessSpool::takeLine(std::string_view line, std::uint64_t end, std::vector<LogEntry>&) {
  if (const auto request = parseAccessLine(line))
    lines_.push_back(
        {hostOf(*request), {end, makeEntry(request->time, "router", "router", formatAccessLine(*request))}});
}

AccessCollector::AccessCollector(const std::filesystem::path& folder, AppLog& log, AppOf appOf)
    : file_(folder / kAccessLog), place_(folder / "access.place"), log_(log), appOf_(std::move(appOf)) {}

/// Each host is asked for once, and anew every time: an app that was destroyed meanwhile gets no log again.
void AccessCollector::distribute(AccessSpool& spool) {
  std::map<std::string, std::vector<SharedLine>> byHost;
  for (AccessSpool::Line& line : spool.lines())
    byHost[line.host].push_back(std::move(line.line));
  std::map<store::AppName, std::vector<SharedLine>> byApp;
  for (auto& [host, lines] : byHost) {
    const auto app = appOf_(host);
    if (!app) continue;
    auto& all = byApp[*app];
    std::move(lines.begin(), lines.end(), std::back_inserter(all));
  }
  for (auto& [app, lines] : byApp)
    std::stable_sort(lines.begin(), lines.end(),
                     [](const SharedLine& a, const SharedLine& b) { return a.end < b.end; });
  for (const auto& [app, lines] : byApp)
    log_.appendShared(app, kAccessSpool, spool.place().inode, lines);
}

/// What the daemon had not taken of a file that Caddy has moved aside while it was away.
void AccessCollector::catchUp() {
  struct stat info {};
  if (saved_.inode == 0 || (::stat(file_.c_str(), &info) == 0 && info.st_ino == saved_.inode)) return;
  for (const auto& item : std::filesystem::directory_iterator(file_.parent_path())) {
    const std::string name = item.path().filename();
    if (!name.starts_with("access-") || ::stat(item.path().c_str(), &info) != 0 ||
        info.st_ino != saved_.inode)
      continue;
    AccessSpool moved(item.path(), saved_);
    std::vector<LogEntry> none;
    bool more = true;
    while (more) {
      more = moved.take(kRound, none);
      distribute(moved);
    }
  }
}

bool AccessCollector::collect() {
  if (!spool_) {
    saved_ = readPlace(place_);
    catchUp();
    spool_.emplace(file_, saved_);
  }
  const SpoolPlace before = spool_->place();
  std::vector<LogEntry> none;
  const bool more = spool_->take(kRound, none);
  try {
    distribute(*spool_);
  } catch (...) {
    spool_->goBackTo(before);
    throw;
  }
  savePlace();
  return more;
}

void AccessCollector::savePlace() {
  const SpoolPlace place = spool_->place();
  if (place == saved_ || steady_clock::now() < saveDue_) return;
  saveDue_ = steady_clock::now() + kSaveEvery;
  base::writeFileAtomically(place_, std::to_string(place.inode) + " " + std::to_string(place.offset) + "\n",
                            0600);
  saved_ = place;
  spool_->freeUpTo(saved_);
}

}  // namespace runner::detail
