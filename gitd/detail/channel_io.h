// The bytes of one SSH channel between its connection's loop and the worker that serves it.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>

#include "base/fd.h"
#include "base/interaction.h"
#include "git/wire.h"

namespace gitd::detail {

/// Two bounded queues. The worker's calls block and are the only ones that do; the loop's calls never block.
/// Once the client is gone, read() and write() throw cancelled, and what is for the screen only is dropped in
/// silence: a push that can no longer be undone must be able to end. Thread-safe: one loop, one worker.
class ChannelIo : public git::Wire {
 public:
  using Clock = std::chrono::steady_clock;
  enum class Stream { out, err };
  /// closed: the client hung up (Ctrl-C), or we did. lost: the network went silent, so nobody decided
  /// anything.
  enum class Gone { no, closed, lost };

  static constexpr std::size_t kInputLimit = 1u << 20;
  static constexpr std::size_t kOutputLimit = 256u << 10;
  static constexpr std::chrono::milliseconds kPartialLineDelay{100};
  static constexpr std::chrono::milliseconds kKeepaliveDelay{5000};
  /// Once the client has ended its input nothing but an answer to what we send tells that it died.
  static constexpr std::chrono::milliseconds kProbeDelay{400};

  /// `wake` is signalled when the loop has something to do; it must outlive this object.
  explicit ChannelIo(const base::Fd& wake) : wake_(wake) {}
  ChannelIo(const ChannelIo&) = delete;
  ChannelIo& operator=(const ChannelIo&) = delete;

  // The worker's side.

  std::size_t read(char* buffer, std::size_t capacity) override;
  /// Queues the bytes in one piece, after there is room. Throws cancelled when the client is gone.
  void write(Stream stream, std::string_view bytes);
  void write(std::string_view bytes) override { write(Stream::out, bytes); }
  void writeProgress(std::string_view text) override;
  /// Text of a command; like write() but dropped when the client is gone.
  void writeText(Stream stream, std::string_view text);
  void useSideBand() override;
  void endSideBand() override;
  bool usesSideBand() const override;
  void discardInput(std::uint64_t maxBytes, Clock::time_point deadline) override;
  /// From now on the client's keys are bytes for read(), Ctrl-C and Ctrl-D too. `resized` is called on the loop's
  /// thread until stopReading() returns.
  void takeKeys(std::function<void(base::TerminalSize)> resized);
  /// The read() that waits returns 0, and so do all to come.
  void stopReading();
  /// The worker's last call.
  void finish(int exitStatus);
  std::stop_token clientClosed() const override { return closed_.get_token(); }
  std::stop_token clientGone() const override { return gone_.get_token(); }

  // The loop's side.

  /// Takes all bytes or none (the queue is full): what is not taken stays in the channel and closes its
  /// window.
  bool offer(std::string_view bytes);
  bool wantsInput() const;
  /// takeKeys() was called.
  bool passesKeys() const;
  void resize(base::TerminalSize size);
  void endInput();
  void abandon(Gone how);
  /// As abandon(closed), with a last sentence for the client behind what is queued.
  void dismiss(std::string_view sentence);
  /// The worker waits for the client's bytes.
  bool awaitsInput() const;
  /// Nothing is queued for the client.
  bool drained() const;

  struct Output {
    Stream stream = Stream::out;
    std::string bytes;
  };
  /// The next bytes for the channel. A line that has not ended is held for kPartialLineDelay.
  std::optional<Output> take(Clock::time_point now);
  /// When take() may give more although nobody writes; nullopt for never.
  std::optional<Clock::time_point> due() const;
  /// The exit status, once all output was taken.
  std::optional<int> finished() const;
  /// True from finish() on: the worker needs nothing any more.
  bool workerDone() const;

 private:
  enum class Kind { out, err, progress };
  struct Chunk {
    Kind kind;
    std::string bytes;
    Clock::time_point since;
  };
  void append(Kind kind, std::string_view bytes);
  bool waitForRoom(std::unique_lock<std::mutex>& lock);
  void writeOrDrop(Kind kind, std::string_view bytes);
  std::size_t readyProgress(const Chunk& chunk, Clock::time_point now) const;
  std::optional<Output> takeProgress(Clock::time_point now);
  Clock::time_point keepaliveDue() const {
    return lastOutput_ + (inputEnded_ ? kProbeDelay : kKeepaliveDelay);
  }

  const base::Fd& wake_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::string> input_;
  std::size_t inputBytes_ = 0;
  std::size_t inputAt_ = 0;  // consumed of the front piece
  bool inputEnded_ = false;
  bool reading_ = false;
  bool readingStopped_ = false;
  bool passesKeys_ = false;
  std::function<void(base::TerminalSize)> resized_;  // called with the lock held
  bool starved_ = false;  // the loop was refused and must be woken when there is room
  std::deque<Chunk> output_;
  std::size_t outputBytes_ = 0;
  bool sideBand_ = false;
  Clock::time_point lastOutput_ = Clock::now();
  Gone goneHow_ = Gone::no;
  std::optional<int> exitStatus_;
  std::stop_source closed_;
  std::stop_source gone_;
};

}  // namespace gitd::detail
