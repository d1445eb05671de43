#include "gitd/detail/channel_io.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "base/error.h"
#include "git/pkt_line.h"

namespace gitd::detail {
namespace {

// A side-band packet's payload begins with the band's number. (gitprotocol-pack, side-band-64k.)
constexpr std::size_t kMaxBandBytes = git::kMaxPktPayload - 1;
constexpr std::string_view kKeepalive = "0005\1";
// Long texts go in pieces, so that a queue is over its limit by no more than one.
constexpr std::size_t kTextPiece = 32u << 10;

[[noreturn]] void throwGone() {
  throw base::Error(base::Errc::cancelled, "the client is gone");
}

}  // namespace

std::size_t ChannelIo::read(char* buffer, std::size_t capacity) {
  std::unique_lock lock(mutex_);
  reading_ = true;
  changed_.wait(lock, [&] {
    return !input_.empty() || inputEnded_ || readingStopped_ || goneHow_ != Gone::no;
  });
  reading_ = false;
  if (readingStopped_) return 0;
  if (goneHow_ != Gone::no) throwGone();
  if (input_.empty()) return 0;
  std::size_t count = 0;
  while (count < capacity && !input_.empty()) {
    const std::string& front = input_.front();
    const std::size_t taken = std::min(capacity - count, front.size() - inputAt_);
    std::memcpy(buffer + count, front.data() + inputAt_, taken);
    count += taken;
    inputAt_ += taken;
    if (inputAt_ < front.size()) break;
    input_.pop_front();
    inputAt_ = 0;
  }
  inputBytes_ -= count;
  if (starved_ && inputBytes_ < kInputLimit / 2) {
    starved_ = false;
    base::signalEvent(wake_);
  }
  return count;
}

void ChannelIo::takeKeys(std::function<void(base::TerminalSize)> resized) {
  const std::lock_guard lock(mutex_);
  passesKeys_ = true;
  resized_ = std::move(resized);
}

void ChannelIo::stopReading() {
  {
    const std::lock_guard lock(mutex_);
    readingStopped_ = true;
    resized_ = nullptr;
  }
  changed_.notify_all();
}

bool ChannelIo::passesKeys() const {
  const std::lock_guard lock(mutex_);
  return passesKeys_;
}

void ChannelIo::resize(base::TerminalSize size) {
  const std::lock_guard lock(mutex_);
  if (resized_) resized_(size);
}

void ChannelIo::append(Kind kind, std::string_view bytes) {
  const bool merges = kind == Kind::progress && !output_.empty() && output_.back().kind == kind;
  if (merges) {
    output_.back().bytes.append(bytes);
  } else {
    output_.push_back({kind, std::string(bytes), Clock::now()});
  }
  outputBytes_ += bytes.size();
  base::signalEvent(wake_);
}

bool ChannelIo::waitForRoom(std::unique_lock<std::mutex>& lock) {
  changed_.wait(lock, [&] { return outputBytes_ < kOutputLimit || goneHow_ != Gone::no; });
  return goneHow_ == Gone::no;
}

void ChannelIo::write(Stream stream, std::string_view bytes) {
  std::unique_lock lock(mutex_);
  if (!waitForRoom(lock)) throwGone();
  append(stream == Stream::out ? Kind::out : Kind::err, bytes);
}

void ChannelIo::writeOrDrop(Kind kind, std::string_view bytes) {
  while (!bytes.empty()) {
    const std::string_view piece = bytes.substr(0, kTextPiece);
    bytes.remove_prefix(piece.size());
    std::unique_lock lock(mutex_);
    if (!waitForRoom(lock)) return;
    append(kind, piece);
  }
}

void ChannelIo::writeProgress(std::string_view text) {
  writeOrDrop(usesSideBand() ? Kind::progress : Kind::err, text);
}

void ChannelIo::writeText(Stream stream, std::string_view text) {
  writeOrDrop(stream == Stream::out ? Kind::out : Kind::err, text);
}

void ChannelIo::useSideBand() {
  const std::lock_guard lock(mutex_);
  sideBand_ = true;
  lastOutput_ = Clock::now();
  // The loop must learn that there is a keepalive to wait for.
  base::signalEvent(wake_);
}

void ChannelIo::endSideBand() {
  const std::lock_guard lock(mutex_);
  sideBand_ = false;
}

bool ChannelIo::usesSideBand() const {
  const std::lock_guard lock(mutex_);
  return sideBand_;
}

void ChannelIo::discardInput(std::uint64_t maxBytes, Clock::time_point deadline) {
  std::unique_lock lock(mutex_);
  while (maxBytes > 0) {
    const bool woken = changed_.wait_until(
        lock, deadline, [&] { return !input_.empty() || inputEnded_ || goneHow_ != Gone::no; });
    if (!woken || input_.empty() || goneHow_ != Gone::no) return;
    maxBytes -= std::min<std::uint64_t>(maxBytes, inputBytes_);
    input_.clear();
    inputBytes_ = inputAt_ = 0;
    if (std::exchange(starved_, false)) base::signalEvent(wake_);
  }
}

void ChannelIo::finish(int exitStatus) {
  const std::lock_guard lock(mutex_);
  exitStatus_ = exitStatus;
  base::signalEvent(wake_);
}

bool ChannelIo::offer(std::string_view bytes) {
  const std::lock_guard lock(mutex_);
  // Nobody will read these: taking them keeps the window open until the channel closes.
  if (goneHow_ != Gone::no || exitStatus_) return true;
  if (inputBytes_ >= kInputLimit) {
    starved_ = true;
    return false;
  }
  input_.emplace_back(bytes);
  inputBytes_ += bytes.size();
  changed_.notify_all();
  return true;
}

bool ChannelIo::wantsInput() const {
  const std::lock_guard lock(mutex_);
  return inputBytes_ < kInputLimit / 2 || goneHow_ != Gone::no || exitStatus_;
}

void ChannelIo::endInput() {
  const std::lock_guard lock(mutex_);
  inputEnded_ = true;
  changed_.notify_all();
}

void ChannelIo::abandon(Gone how) {
  {
    const std::lock_guard lock(mutex_);
    if (goneHow_ == Gone::closed) return;
    goneHow_ = how;
    input_.clear();
    inputBytes_ = inputAt_ = 0;
    output_.clear();
    outputBytes_ = 0;
    changed_.notify_all();
  }
  gone_.request_stop();
  if (how == Gone::closed) closed_.request_stop();
}

void ChannelIo::dismiss(std::string_view sentence) {
  {
    const std::lock_guard lock(mutex_);
    if (goneHow_ != Gone::no || exitStatus_) return;
    append(sideBand_ ? Kind::progress : Kind::err, std::string("fairlead: ").append(sentence).append("\n"));
    goneHow_ = Gone::closed;
    input_.clear();
    inputBytes_ = inputAt_ = 0;
    changed_.notify_all();
  }
  gone_.request_stop();
  closed_.request_stop();
}

bool ChannelIo::awaitsInput() const {
  const std::lock_guard lock(mutex_);
  return reading_ && input_.empty();
}

bool ChannelIo::drained() const {
  const std::lock_guard lock(mutex_);
  return output_.empty();
}

std::size_t ChannelIo::readyProgress(const Chunk& chunk, Clock::time_point now) const {
  const std::string_view window = std::string_view(chunk.bytes).substr(0, kMaxBandBytes);
  const std::size_t lineEnd = window.find_last_of("\n\r");
  if (lineEnd != std::string_view::npos) return lineEnd + 1;
  const bool held = output_.size() == 1 && !exitStatus_ && chunk.bytes.size() < kMaxBandBytes &&
                    now < chunk.since + kPartialLineDelay;
  return held ? 0 : window.size();
}

std::optional<ChannelIo::Output> ChannelIo::takeProgress(Clock::time_point now) {
  Chunk& front = output_.front();
  const std::size_t count = readyProgress(front, now);
  if (count == 0) return std::nullopt;
  Output output;
  git::appendPkt(output.bytes, std::string("\2").append(front.bytes, 0, count));
  front.bytes.erase(0, count);
  front.since = now;
  if (front.bytes.empty()) output_.pop_front();
  outputBytes_ -= count;
  return output;
}

std::optional<ChannelIo::Output> ChannelIo::take(Clock::time_point now) {
  const std::lock_guard lock(mutex_);
  std::optional<Output> output;
  if (output_.empty()) {
    if (sideBand_ && !exitStatus_ && goneHow_ == Gone::no && now >= keepaliveDue()) {
      output = Output{Stream::out, std::string(kKeepalive)};
    }
  } else if (output_.front().kind == Kind::progress) {
    output = takeProgress(now);
  } else {
    Chunk& front = output_.front();
    output = Output{front.kind == Kind::err ? Stream::err : Stream::out, std::move(front.bytes)};
    outputBytes_ -= output->bytes.size();
    output_.pop_front();
  }
  if (output) {
    lastOutput_ = now;
    changed_.notify_all();
  }
  return output;
}

std::optional<ChannelIo::Clock::time_point> ChannelIo::due() const {
  const std::lock_guard lock(mutex_);
  if (goneHow_ != Gone::no || exitStatus_) return std::nullopt;
  if (!output_.empty()) return output_.front().since + kPartialLineDelay;
  if (sideBand_) return keepaliveDue();
  return std::nullopt;
}

std::optional<int> ChannelIo::finished() const {
  const std::lock_guard lock(mutex_);
  if (output_.empty()) return exitStatus_;
  return std::nullopt;
}

bool ChannelIo::workerDone() const {
  const std::lock_guard lock(mutex_);
  return exitStatus_.has_value();
}

}  // namespace gitd::detail
