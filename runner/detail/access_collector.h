// Brings the requests that the router writes down into the logs of the apps that they were for.
#pragma once

#include <chrono>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "runner/app_log.h"
#include "runner/detail/log_spool.h"
#include "runner/detail/log_stream.h"

namespace runner::detail {

/// The file that Caddy writes: one line for each request to any app.
class AccessSpool : public LogSpool {
 public:
  using LogSpool::LogSpool;
  struct Line {
    std::string host;
    SharedLine line;
  };
  std::vector<Line> lines() { return std::exchange(lines_, {}); }

 protected:
  void takeLine(std::string_view line, std::uint64_t end, std::vector<LogEntry>& entries) override;
  void forget() override { lines_.clear(); }
  std::uint64_t firstPending(std::uint64_t offset) const override { return offset; }
  void finish(std::vector<LogEntry>&) override {}
  bool hasPending() const override { return false; }

 private:
  std::vector<Line> lines_;
};

/// Where it is stands in each app's log, with the lines, and now and then in a file beside Caddy's: so that
/// each line comes once. Hosts of no app are passed over. One thread at a time.
class AccessCollector {
 public:
  using AppOf = std::function<std::optional<store::AppName>(const std::string& host)>;
  /// `folder` is the router's.
  AccessCollector(const std::filesystem::path& folder, AppLog& log, AppOf appOf);

  /// Takes up to a MiB; true when there is more.
  bool collect();

 private:
  using Steady = std::chrono::steady_clock::time_point;
  void distribute(AccessSpool& spool);
  void catchUp();
  void savePlace();

  const std::filesystem::path file_;
  const std::filesystem::path place_;
  AppLog& log_;
  const AppOf appOf_;
  std::optional<AccessSpool> spool_;
  SpoolPlace saved_;
  Steady saveDue_{};
};

}  // namespace runner::detail
