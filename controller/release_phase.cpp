#include "controller/release_phase.h"

#include <algorithm>
#include <vector>

#include "base/error.h"
#include "base/fd.h"
#include "base/strings.h"
#include "controller/config_secrets.h"

namespace controller {
namespace {

constexpr std::chrono::milliseconds kLook{500};
constexpr std::size_t kLastLines = 50;

/// Nobody at the keyboard; what is written goes to the log, and line by line to who waits.
class Listener : public base::Interaction, private base::ByteSink {
 public:
  Listener(BuildLog& log, const ProgressLine& progress) : log_(log), progress_(progress) {}
  std::optional<base::TerminalSize> terminal() const override { return std::nullopt; }
  std::string terminalType() const override { return ""; }
  void begin(std::function<void(base::TerminalSize)>) override {}
  base::ByteSink& output() override { return *this; }
  void endInput() override {}
  std::size_t read(char*, std::size_t) override { return 0; }

  /// The last line, though it has no end.
  void finish() {
    if (!line_.empty()) progress_(line_);
    line_.clear();
  }

 private:
  void write(std::string_view bytes) override {
    log_.write(bytes);
    constexpr std::size_t kMaxLine = 16u << 10;
    for (const char c : bytes) {
      if (c != '\n' && line_.size() < kMaxLine) {
        line_ += c;
        continue;
      }
      progress_(line_);
      line_.clear();
      if (c != '\n') line_ += c;
    }
  }

  BuildLog& log_;
  const ProgressLine& progress_;
  std::string line_;
};

std::vector<std::string> lastLines(const BuildLog& log) {
  constexpr std::uint64_t kTail = 32u << 10;
  const std::uint64_t size = log.size();
  std::vector<std::string> lines = base::split(base::trim(log.read(size > kTail ? size - kTail : 0)), '\n');
  if (lines.size() > kLastLines)
    lines.erase(lines.begin(), lines.end() - static_cast<std::ptrdiff_t>(kLastLines));
  return lines;
}

}  // namespace

std::filesystem::path ReleasePhase::file(const store::App& app, store::ReleaseVersion version) const {
  return folder_.buildLogs(app.name) / ("release-" + version.str() + ".log");
}

std::optional<runner::LaunchFailed> ReleasePhase::run(const store::App& app,
                                                      const runner::Deployment& deployment,
                                                      const ProgressLine& progress) {
  const std::string type(kReleaseType);
  if (!deployment.types.contains(type)) return std::nullopt;
  const auto path = file(app, deployment.release);
  auto log = std::make_shared<BuildLog>(path, config_.maxOutputBytes);
  log->hide(secretsOf(store_, app.id));
  running_.with([&](Running& running) { running[path] = log; });
  const auto forget = [&] {
    log->hide(nullptr);  // lets go of what it held back to compare
    log->close();
    running_.with([&](Running& running) { running.erase(path); });
  };
  progress("Running release command...");
  Listener listener(*log, progress);
  runner::OneOffEnd end;
  try {
    end = oneOffs_.run({.deployment = deployment,
                        .command = {type},
                        .environment = {},
                        .timeout = config_.timeout,
                        .user = "release " + deployment.release.str(),
                        .type = type,
                        .shown = deployment.types.at(type)},
                       listener, {});
  } catch (...) {
    forget();
    throw;
  }
  listener.finish();
  forget();
  if (end.exitCode == 0) return std::nullopt;
  return runner::LaunchFailed{end.name, end.reason, lastLines(*log)};
}

bool ReleasePhase::hasOutput(const store::App& app, store::ReleaseVersion version) const {
  return std::filesystem::exists(file(app, version));
}

void ReleasePhase::copyOutput(const store::App& app, store::ReleaseVersion version, base::ByteSink& to,
                              std::stop_token stop) const {
  const auto path = file(app, version);
  if (!std::filesystem::exists(path))
    throw base::Error(base::Errc::notFound,
                      version.str() + " has no release output: its slug has no release command");
  const auto log = running_.with([&](const Running& running) {
    const auto found = running.find(path);
    return found == running.end() ? nullptr : found->second;
  });
  if (!log) {
    const base::Fd fd = base::openFile(path, 0);
    std::string buffer(64u << 10, '\0');
    while (const std::size_t count = base::readSome(fd, buffer.data(), buffer.size()))
      to.write({buffer.data(), count});
    return;
  }
  std::uint64_t offset = 0;
  while (!stop.stop_requested()) {
    const std::string text = log->read(offset);
    offset += text.size();
    if (!text.empty())
      to.write(text);
    else if (!log->waitFor(offset, kLook, stop))
      return;
  }
}

}  // namespace controller
