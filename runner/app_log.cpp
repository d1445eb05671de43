#include "runner/app_log.h"

#include <fcntl.h>

#include <algorithm>
#include <condition_variable>
#include <map>
#include <mutex>
#include <utility>

#include "base/atomic_file.h"
#include "base/fd.h"
#include "base/strings.h"
#include "runner/detail/cri_log.h"
#include "runner/detail/log_file.h"

namespace runner {
namespace {

using detail::LogEntry;
using detail::LogFile;

constexpr std::size_t kMaxLines = 100'000;
constexpr std::chrono::milliseconds kPollEvery{100};

/// "web.1" is meant by "web.1" and by "web".
bool isProcess(const std::string& process, const std::string& asked) {
  return asked.empty() || process == asked || process.starts_with(asked + ".");
}

bool mayMatch(const LogFile& file, const LogQuery& query) {
  if (!query.source.empty() && (query.source == "fairlead") != file.isPlatform()) return false;
  return file.isPlatform() || isProcess(file.process(), query.process);
}

std::vector<std::filesystem::path> logFiles(const std::filesystem::path& folder) {
  std::vector<std::filesystem::path> files;
  std::error_code missing;
  for (const auto& item : std::filesystem::directory_iterator(folder, missing)) {
    if (item.path().extension() == ".log") files.push_back(item.path());
  }
  return files;
}

void append(std::vector<LogEntry>& all, std::vector<LogEntry> more, const LogQuery& query) {
  for (LogEntry& entry : more) {
    if (isProcess(entry.line.process, query.process)) all.push_back(std::move(entry));
  }
}

void sortByTime(std::vector<LogEntry>& entries) {
  std::stable_sort(entries.begin(), entries.end(),
                   [](const LogEntry& a, const LogEntry& b) { return a.time < b.time; });
}

std::vector<LogLine> linesOf(std::vector<LogEntry> entries) {
  std::vector<LogLine> lines;
  for (LogEntry& entry : entries)
    lines.push_back(std::move(entry.line));
  return lines;
}

}  // namespace

/// The files of an app that a query is about, each with its reader.
class AppLog::Follower::Readers {
 public:
  Readers(std::filesystem::path folder, LogQuery query)
      : folder_(std::move(folder)), query_(std::move(query)) {}

  std::vector<LogEntry> tail() {
    const std::size_t count = std::min(query_.lines, kMaxLines);
    std::vector<LogEntry> all;
    for (const auto& path : logFiles(folder_)) {
      LogFile file(path);
      if (!mayMatch(file, query_)) continue;
      // The platform's file holds all its parts: with a process asked for, the last n of it may lie further
      // up.
      const bool filtered = file.isPlatform() && !query_.process.empty();
      runner::append(all, file.tail(filtered && count > 0 ? kMaxLines : count), query_);
      files_.emplace(path.filename(), std::move(file));
    }
    sortByTime(all);
    if (all.size() > count) all.erase(all.begin(), all.end() - static_cast<std::ptrdiff_t>(count));
    return all;
  }

  /// What a file gave before another one failed comes the next time.
  std::vector<LogEntry> poll() {
    for (const auto& path : logFiles(folder_)) {
      LogFile& file = files_.try_emplace(path.filename(), path).first->second;
      if (mayMatch(file, query_)) runner::append(found_, file.poll(), query_);
    }
    sortByTime(found_);
    return std::exchange(found_, {});
  }

  void moveTo(std::filesystem::path folder) {
    folder_ = std::move(folder);
    for (auto& [name, file] : files_)
      file.moveTo(folder_ / name);
  }

 private:
  std::filesystem::path folder_;
  const LogQuery query_;
  std::map<std::filesystem::path, LogFile> files_;  // by their names
  std::vector<LogEntry> found_;
};

std::string LogLine::format() const {
  return time + " " + source + "[" + process + "]: " + detail::printableLine(text);
}

AppLog::AppLog(std::filesystem::path root, const base::Clock& clock, std::uint64_t maxFileBytes)
    : root_(std::move(root)), clock_(clock), maxFileBytes_(maxFileBytes) {}

std::filesystem::path AppLog::processLogFile(const store::AppName& app, const std::string& process) {
  const auto folder = root_ / app.str();
  std::filesystem::create_directories(folder);
  return folder / (process + ".log");
}

void AppLog::append(const store::AppName& app, const std::string& part, const std::string& text) {
  const detail::LogTime now = detail::toLogTime(clock_.now());
  std::string lines;
  for (const std::string& line : base::split(text, '\n')) {
    if (!line.empty()) lines += detail::formatCriLine(now, base::join({part, line}, ": "));
  }
  const base::Fd fd = base::openFile(processLogFile(app, "fairlead"), O_WRONLY | O_APPEND | O_CREAT, 0640);
  base::writeAll(fd, lines);
}

void AppLog::mask(const store::AppName& app, std::vector<LogLine>& lines) const {
  if (!secretsOf_ || lines.empty()) return;
  const auto secrets = secretsOf_(app);
  for (LogLine& line : lines)
    line.text = base::SecretMask::apply(secrets, line.text);
}

std::vector<LogLine> AppLog::read(const store::AppName& app, const LogQuery& query) {
  auto lines = linesOf(Follower::Readers(root_ / app.str(), query).tail());
  mask(app, lines);
  return lines;
}

void AppLog::follow(const store::AppName& app, const LogQuery& query,
                    const std::function<void(const LogLine&)>& sink, const std::stop_token& stop) {
  Follower(*this, app, query).run(sink, stop);
}

AppLog::Follower::Follower(const AppLog& log, const store::AppName& app, const LogQuery& query)
    : log_(log), app_(app), readers_(std::make_unique<Readers>(log.root_ / app.str(), query)) {
  found_ = linesOf(readers_->tail());
}

AppLog::Follower::~Follower() = default;

/// In steps that can be repeated: none loses a line when it fails.
void AppLog::Follower::take() {
  if (found_.empty()) found_ = linesOf(readers_->poll());
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

void AppLog::Follower::run(const std::function<void(const LogLine&)>& sink, const std::stop_token& stop) {
  std::mutex mutex;
  std::condition_variable_any never;
  take();
  give(sink);
  while (!stop.stop_requested()) {
    {
      std::unique_lock lock(mutex);
      never.wait_for(lock, stop, kPollEvery, [] { return false; });
    }
    take();
    give(sink);
  }
}

void AppLog::Follower::rename(const store::AppName& app) {
  readers_->moveTo(log_.root_ / app.str());
  app_ = app;
}

void AppLog::trim(const store::AppName& app) {
  for (const auto& path : logFiles(root_ / app.str())) {
    std::error_code gone;
    const std::uint64_t size = std::filesystem::file_size(path, gone);
    if (!gone && size > maxFileBytes_) detail::cutLogFile(path, maxFileBytes_ / 2);
  }
}

void AppLog::remove(const store::AppName& app) {
  base::removeTree(root_ / app.str());
}

}  // namespace runner
