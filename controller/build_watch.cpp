#include "controller/build_watch.h"

#include <chrono>
#include <string>

namespace controller {
namespace {

constexpr std::chrono::milliseconds kUnfinishedLine{100};
constexpr std::chrono::milliseconds kLook{500};

std::string placeText(std::size_t ahead) {
  return "       Waiting: " + std::to_string(ahead) + (ahead == 1 ? " build is" : " builds are") +
         " before this one\n";
}

/// What has come of the log and is not said yet.
class Lines {
 public:
  explicit Lines(base::ByteSink& output) : output_(output) {}

  void add(std::string_view text) {
    pending_.append(text);
    const std::size_t end = pending_.find_last_of("\r\n");
    if (end == std::string::npos) return;
    output_.write(std::string_view(pending_).substr(0, end + 1));
    pending_.erase(0, end + 1);
  }
  bool unfinished() const noexcept { return !pending_.empty(); }
  void flush() {
    if (pending_.empty()) return;
    output_.write(pending_);
    pending_.clear();
  }

 private:
  base::ByteSink& output_;
  std::string pending_;
};

}  // namespace

void followBuild(Deployer& deployer, BuildRun& run, base::ByteSink& output, const std::stop_token& stop) {
  Lines lines(output);
  std::uint64_t offset = 0;
  std::size_t lastAhead = 0;
  while (!stop.stop_requested()) {
    const std::string text = run.log().read(offset);
    if (!text.empty()) {
      offset += text.size();
      lines.add(text);
      continue;
    }
    if (!run.log().waitFor(offset, lines.unfinished() ? kUnfinishedLine : kLook, stop)) break;
    if (run.log().size() > offset) continue;
    lines.flush();
    const std::size_t ahead = deployer.ahead(run);
    if (ahead != lastAhead && ahead > 0) output.write(placeText(ahead));
    lastAhead = ahead;
  }
  if (!stop.stop_requested()) lines.flush();
}

gitd::PushOutcome awaitBuild(Deployer& deployer, const Deployer::Submitted& submitted, base::ByteSink& output,
                             const std::stop_token& gone) {
  BuildRun& run = *submitted.run;
  const std::stop_callback onGone(gone, [&] {
    // Only who started a build ends it by going away.
    if (!submitted.attached) deployer.cancel(run, "the pusher went away");
  });
  followBuild(deployer, run, output, gone);
  // A build that is launching ends in its own time; its pusher is gone, but its objects are in use until
  // then.
  run.awaitOutcome();
  return *run.outcome();
}

}  // namespace controller
