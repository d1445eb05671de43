#include "cli/progress_line.h"

#include <algorithm>

#include "base/error.h"
#include "base/strings.h"

namespace cli {
namespace {

constexpr std::chrono::milliseconds kFirst{500};
constexpr std::chrono::milliseconds kBetween{100};

}  // namespace

ProgressLine::ProgressLine(base::ByteSink* terminal, const base::Clock* clock, std::string what,
                           std::optional<std::uint64_t> totalBytes)
    : terminal_(clock == nullptr ? nullptr : terminal),
      clock_(clock),
      what_(base::printable(what)),
      total_(totalBytes),
      next_(terminal_ == nullptr ? base::Time() : clock->now() + kFirst) {}

ProgressLine::~ProgressLine() {
  try {
    finish();
  } catch (const base::Error&) {  // nobody looks any more
  }
}

void ProgressLine::add(std::uint64_t bytes) {
  done_ += bytes;
  if (terminal_ == nullptr) return;
  const base::Time now = clock_->now();
  // A clock that was set back must not keep the line still.
  if (now < next_ && next_ - now <= kFirst) return;
  next_ = now + kBetween;
  draw();
}

void ProgressLine::draw() {
  constexpr std::uint64_t kAll = 100;
  std::string line = what_ + ": " + base::formatBytes(done_);
  if (total_) line += " of " + base::formatBytes(*total_);
  if (total_ && *total_ > 0) {
    const std::uint64_t share = std::min(done_, *total_) / std::max<std::uint64_t>(*total_ / kAll, 1);
    line += " (" + std::to_string(std::min(share, kAll)) + "%)";
  }
  const std::size_t length = line.size();
  if (length < width_) line.append(width_ - length, ' ');  // over what was longer
  width_ = length;
  terminal_->write("\r" + line);
}

void ProgressLine::finish() {
  base::ByteSink* terminal = terminal_;
  if (terminal == nullptr || width_ == 0) return;
  draw();
  terminal_ = nullptr;
  terminal->write("\n");
}

}  // namespace cli
