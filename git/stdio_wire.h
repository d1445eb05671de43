// A wire over file descriptors: what the drop-ins for git's programs speak with.
#pragma once

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <optional>
#include <stop_token>
#include <thread>

#include "base/fd.h"
#include "git/wire.h"

namespace git {

struct StdioOptions {
  /// Silence in side-band after which an empty packet goes out; zero for never. (uploadpack.keepAlive,
  /// receive.keepAlive.)
  std::chrono::milliseconds keepalive{5000};
  /// How long the client may say nothing while it is its turn; zero for ever. (git upload-pack --timeout.)
  std::chrono::seconds timeout{0};
};

/// Speaks over a pair of descriptors and an error stream; they are borrowed and stay open. SIGPIPE must be
/// ignored. A client that closes its reading end is gone. While in side-band, a thread of its own fills
/// silences. One thread at a time, but for the stop tokens. Throws timedOut and io beside what Wire says.
class StdioWire : public Wire {
 public:
  struct Streams {
    int in = 0;
    int out = 1;
    int err = 2;
  };
  explicit StdioWire(Streams streams, StdioOptions options = {}) : streams_(streams), options_(options) {}

  std::size_t read(char* buffer, std::size_t capacity) override;
  void write(std::string_view bytes) override;
  void writeProgress(std::string_view text) override;
  void useSideBand() override;
  void endSideBand() override;
  bool usesSideBand() const override { return sideBand_; }
  void discardInput(std::uint64_t maxBytes, std::chrono::steady_clock::time_point deadline) override;
  std::stop_token clientClosed() const override { return gone_.get_token(); }
  std::stop_token clientGone() const override { return gone_.get_token(); }

 private:
  using Clock = std::chrono::steady_clock;
  /// False when the client is gone.
  bool send(int fd, std::string_view bytes);
  bool waitForInput(std::optional<Clock::time_point> deadline) const;
  void fillSilence(const std::stop_token& stop);

  Streams streams_;
  StdioOptions options_;
  bool sideBand_ = false;
  std::stop_source gone_;
  std::mutex mutex_;  // of what is sent; held over the write, so that packets stay whole
  std::condition_variable_any changed_;
  Clock::time_point lastOutput_ = Clock::now();
  std::jthread keepalive_;
};

}  // namespace git
