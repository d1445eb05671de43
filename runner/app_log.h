// One stream of lines per app: its processes' output, the requests to it, and the platform's events.
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/secret_mask.h"
#include "store/model.h"

namespace runner {

namespace detail {
class LogStream;
struct LogPlace;
struct SharedLine;
}  // namespace detail

struct LogLine {
  std::string time;     ///< RFC 3339 with microseconds, UTC
  std::string source;   ///< "app", "fairlead" or "router"
  std::string process;  ///< "web.1", or the platform's part: "deploy", "runner"; "router"
  std::string text;
  std::uint64_t number = 0;  ///< its place in the app's log: from 1 on, without a gap
  /// "2026-01-31T12:00:00.000000+00:00 app[web.1]: text"; of the router "... router: text"
  std::string format() const;
};

struct LogQuery {
  std::size_t lines = 100;  ///< the last n
  std::string process;      ///< "web.1" or a type; empty: all
  std::string source;       ///< "app", "fairlead", "router", "heroku" (all but "app"), or empty
  /// All lines behind the one with this number, in place of the last n.
  std::optional<std::uint64_t> after = std::nullopt;
};

struct AppLogLimits {
  std::uint64_t maxBytes = 64ull << 20;  ///< setting app_log_max_bytes: of an app's log on disk
  std::uint64_t maxDays = 30;            ///< setting app_log_max_days
};

/// DIR/logs/apps/APP/: `stream` has the lines (detail/log_segments.h), and *.log are the spools that conmon
/// writes and that lines are taken from (detail/log_stream.h): by who reads, and by LogCollector when nobody
/// does. Each line has a number and comes once, in the order in which it was taken; those taken together are
/// in the order of their times. Thread-safe.
class AppLog {
 public:
  AppLog(std::filesystem::path root, const base::Clock& clock, AppLogLimits limits = {});
  ~AppLog();
  AppLog(const AppLog&) = delete;
  AppLog& operator=(const AppLog&) = delete;
  const std::filesystem::path& folder() const noexcept { return root_; }
  /// Who reads lines gets them without these. Set before the first call of another function.
  using SecretsOf = std::function<std::shared_ptr<const base::Secrets>(const store::AppName&)>;
  void hide(SecretsOf secretsOf) { secretsOf_ = std::move(secretsOf); }

  /// `claim` makes a spool this process's: its writer has made it as another user. Set like that.
  void claimBy(std::function<void(const std::filesystem::path&)> claim) { claim_ = std::move(claim); }

  /// For conmon: the file that a container's process writes its CRI lines to (folder made). Each container
  /// has one of its own, that goes when all was taken and nobody has it open for writing.
  std::filesystem::path spoolFile(const store::AppName& app, const std::string& process,
                                  const std::string& container);
  /// A platform event.
  void append(const store::AppName& app, const std::string& part, const std::string& text);
  std::vector<LogLine> read(const store::AppName& app, const LogQuery& query);
  class Follower;
  /// read(), then new lines as they come (within 250 ms) until stop is requested; `sink` throws to end it.
  void follow(const store::AppName& app, const LogQuery& query,
              const std::function<void(const LogLine&)>& sink, const std::stop_token& stop);
  void remove(const store::AppName& app);

  /// From here on both names have the one log, and new processes of `to` have their spools in its folder.
  void beginRename(const store::AppName& from, const store::AppName& to);
  /// No process of `from` runs any more: what is there is `to`'s alone. remove(to) undoes beginRename().
  void endRename(const store::AppName& from, const store::AppName& to);

  /// For LogCollector. Apps that have a log:
  std::vector<store::AppName> apps() const;
  /// Takes what the spools have, up to a MiB of each; true when there is more.
  bool collect(const store::AppName& app);
  /// Compresses, and removes what is over a limit or needed no more.
  void trim(const store::AppName& app);
  /// What the processes of an app have written so far.
  struct Growth {
    std::string process;
    std::string container;
    std::uint64_t bytes = 0;
  };
  std::vector<Growth> growth(const store::AppName& app);
  /// Lines of a spool that all apps share.
  void appendShared(const store::AppName& app, const std::string& spool, std::uint64_t inode,
                    const std::vector<detail::SharedLine>& lines);

 private:
  std::shared_ptr<detail::LogStream> stream(const store::AppName& app) const;
  std::shared_ptr<detail::LogStream> existing(const store::AppName& app) const;
  void mask(const store::AppName& app, std::vector<LogLine>& lines) const;

  std::filesystem::path root_;
  const base::Clock& clock_;
  const AppLogLimits limits_;
  SecretsOf secretsOf_;
  std::function<void(const std::filesystem::path&)> claim_;
  mutable std::mutex mutex_;
  mutable std::map<store::AppName, std::shared_ptr<detail::LogStream>>
      streams_;  // shared: by two names in a rename, and with followers that outlive an app
};

/// A place in an app's log: what read() gave when it was made, and every line from then on, once. Behind a
/// line that the log has not (LogQuery::after), it begins at the log's end. One thread at a time; the log
/// outlives it.
class AppLog::Follower {
 public:
  Follower(const AppLog& log, const store::AppName& app, const LogQuery& query);
  ~Follower();
  Follower(const Follower&) = delete;
  Follower& operator=(const Follower&) = delete;

  /// Gives lines until stop is requested, new ones within 250 ms. `sink` throws to end it; the next call goes
  /// on behind the line that it was given last.
  void run(const std::function<void(const LogLine&)>& sink, const std::stop_token& stop);
  /// What there is now, at most `atMost` lines and about a MiB of them; nothing when there is nothing new.
  std::vector<LogLine> take(std::size_t atMost);
  /// How many lines the log has behind what was given, of any source and process.
  std::uint64_t waiting() const;
  /// The number of the first of them, which is the next line's when there is none.
  std::uint64_t next() const;
  /// The app has another name (AppLog::beginRename()).
  void rename(const store::AppName& app) { app_ = app; }

 private:
  void look();
  void give(const std::function<void(const LogLine&)>& sink);

  const AppLog& log_;
  store::AppName app_;
  const LogQuery query_;
  const std::shared_ptr<detail::LogStream> stream_;  // shared with the log
  const std::unique_ptr<detail::LogPlace> place_;
  std::vector<LogLine> found_;   // read, and not masked yet
  std::deque<LogLine> waiting_;  // masked, and not given yet
};

}  // namespace runner
