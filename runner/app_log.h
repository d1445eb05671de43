// One stream of lines per app: its processes' output and the platform's events.
#pragma once

#include <cstdint>
#include <deque>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/secret_mask.h"
#include "store/model.h"

namespace runner {

struct LogLine {
  std::string time;     ///< RFC 3339 with microseconds, UTC
  std::string source;   ///< "app" or "fairlead"
  std::string process;  ///< "web.1", or the platform's part: "deploy", "runner"
  std::string text;
  /// "2026-01-31T12:00:00.000000+00:00 app[web.1]: text"
  std::string format() const;
};

struct LogQuery {
  std::size_t lines = 100;  ///< the last n
  std::string process;      ///< "web.1" or a type; empty: all
  std::string source;       ///< "app", "fairlead" or empty
};

/// DIR/logs/APP/: one CRI-format file per process (written by conmon) and fairlead.log. Thread-safe.
/// Files are cut at a size limit (oldest halves go): setting app_log_max_bytes, per file.
class AppLog {
 public:
  AppLog(std::filesystem::path root, const base::Clock& clock, std::uint64_t maxFileBytes = 16u << 20);
  /// Who reads lines gets them without these. Set before the first call of another function.
  using SecretsOf = std::function<std::shared_ptr<const base::Secrets>(const store::AppName&)>;
  void hide(SecretsOf secretsOf) { secretsOf_ = std::move(secretsOf); }
  /// For conmon: DIR/logs/APP/web.1.log (folder made).
  std::filesystem::path processLogFile(const store::AppName& app, const std::string& process);
  /// A platform event.
  void append(const store::AppName& app, const std::string& part, const std::string& text);
  std::vector<LogLine> read(const store::AppName& app, const LogQuery& query);
  class Follower;
  /// read(), then new lines as they come (within 250 ms) until stop is requested; `sink` throws to end it.
  void follow(const store::AppName& app, const LogQuery& query,
              const std::function<void(const LogLine&)>& sink, const std::stop_token& stop);
  /// Called by the engine now and then.
  void trim(const store::AppName& app);
  void remove(const store::AppName& app);

 private:
  void mask(const store::AppName& app, std::vector<LogLine>& lines) const;

  std::filesystem::path root_;
  const base::Clock& clock_;
  std::uint64_t maxFileBytes_;
  SecretsOf secretsOf_;
};

/// A place in an app's log: what read() gave when it was made, and every line from then on, once. One thread
/// at a time; the log outlives it.
class AppLog::Follower {
 public:
  Follower(const AppLog& log, const store::AppName& app, const LogQuery& query);
  ~Follower();
  Follower(const Follower&) = delete;
  Follower& operator=(const Follower&) = delete;

  /// Gives lines until stop is requested, new ones within 250 ms. `sink` throws to end it; the next call goes
  /// on behind the line that it was given last.
  void run(const std::function<void(const LogLine&)>& sink, const std::stop_token& stop);
  /// The app has another name, and its files are linked or moved to it: goes on in them where it is.
  void rename(const store::AppName& app);

 private:
  friend class AppLog;
  class Readers;
  void take();
  void give(const std::function<void(const LogLine&)>& sink);

  const AppLog& log_;
  store::AppName app_;
  const std::unique_ptr<Readers> readers_;
  std::vector<LogLine> found_;   // read, and not masked yet
  std::deque<LogLine> waiting_;  // masked, and not given yet
};

}  // namespace runner
