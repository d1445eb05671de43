#include "git/stdio_wire.h"

#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <string>

#include "base/error.h"
#include "git/pkt_line.h"

namespace git {
namespace {

constexpr std::string_view kKeepalive = "0005\1";
constexpr std::size_t kMaxText = kMaxPktPayload - 1;

}  // namespace

bool StdioWire::waitForInput(std::optional<Clock::time_point> deadline) const {
  while (true) {
    int timeoutMs = -1;
    if (deadline) {
      const auto left = std::chrono::ceil<std::chrono::milliseconds>(*deadline - Clock::now()).count();
      timeoutMs = static_cast<int>(std::clamp<decltype(left)>(left, 0, 1'000'000'000));
    }
    pollfd wanted{streams_.in, POLLIN, 0};
    const int count = ::poll(&wanted, 1, timeoutMs);
    if (count >= 0) return count > 0;
    if (errno != EINTR) base::throwErrno(errno, "waiting for the client");
  }
}

std::size_t StdioWire::read(char* buffer, std::size_t capacity) {
  if (options_.timeout.count() > 0 && !waitForInput(Clock::now() + options_.timeout))
    throw base::Error(base::Errc::timedOut, "the client said nothing for too long");
  while (true) {
    const ssize_t count = ::read(streams_.in, buffer, capacity);
    if (count >= 0) return static_cast<std::size_t>(count);
    if (errno == ECONNRESET) return 0;
    if (errno != EINTR) base::throwErrno(errno, "reading from the client");
  }
}

bool StdioWire::send(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t count = ::write(fd, bytes.data(), bytes.size());
    if (count >= 0) {
      bytes.remove_prefix(static_cast<std::size_t>(count));
    } else if (errno == EPIPE || errno == ECONNRESET) {
      gone_.request_stop();
      return false;
    } else if (errno != EINTR) {
      base::throwErrno(errno, "writing to the client");
    }
  }
  return true;
}

void StdioWire::write(std::string_view bytes) {
  const std::lock_guard lock(mutex_);
  if (!send(streams_.out, bytes)) throw base::Error(base::Errc::cancelled, "the client is gone");
  lastOutput_ = Clock::now();
}

void StdioWire::writeProgress(std::string_view text) {
  if (gone_.stop_requested()) return;
  const std::lock_guard lock(mutex_);
  if (!sideBand_) {
    send(streams_.err, text);
    return;
  }
  for (; !text.empty(); text.remove_prefix(std::min(text.size(), kMaxText)))
    send(streams_.out, pktLine(std::string("\2").append(text.substr(0, kMaxText))));
  lastOutput_ = Clock::now();
}

void StdioWire::useSideBand() {
  {
    const std::lock_guard lock(mutex_);
    if (sideBand_) return;
    sideBand_ = true;
    lastOutput_ = Clock::now();
  }
  if (options_.keepalive.count() > 0)
    keepalive_ = std::jthread([this](const std::stop_token& stop) { fillSilence(stop); });
}

void StdioWire::endSideBand() {
  keepalive_ = {};  // waits for the thread
  const std::lock_guard lock(mutex_);
  sideBand_ = false;
}

void StdioWire::fillSilence(const std::stop_token& stop) {
  std::unique_lock lock(mutex_);
  while (!stop.stop_requested()) {
    const auto due = lastOutput_ + options_.keepalive;
    if (Clock::now() < due) {
      changed_.wait_until(lock, stop, due, [] { return false; });
      continue;
    }
    // What is wrong with the stream the worker will find out itself.
    if (::write(streams_.out, kKeepalive.data(), kKeepalive.size()) < 0 && errno == EPIPE)
      gone_.request_stop();
    lastOutput_ = Clock::now();
  }
}

void StdioWire::discardInput(std::uint64_t maxBytes, Clock::time_point deadline) {
  std::string buffer(64u << 10, '\0');
  while (maxBytes > 0 && waitForInput(deadline)) {
    const ssize_t count = ::read(streams_.in, buffer.data(), buffer.size());
    if (count <= 0) return;
    maxBytes -= std::min(maxBytes, static_cast<std::uint64_t>(count));
  }
}

}  // namespace git
