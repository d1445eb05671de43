// How much of something long has passed, said now and then.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <utility>

#include "base/byte_sink.h"

namespace registry::detail {

/// Says how many bytes have passed when it has said nothing for `interval`. One thread at a time.
class Passed {
 public:
  static constexpr std::chrono::milliseconds kInterval{5000};
  explicit Passed(std::function<void(std::uint64_t bytes)> tell,
                  std::chrono::milliseconds interval = kInterval)
      : tell_(std::move(tell)), interval_(interval), next_(std::chrono::steady_clock::now() + interval) {}

  void add(std::uint64_t bytes) {
    bytes_ += bytes;
    const auto now = std::chrono::steady_clock::now();
    if (now < next_) return;
    next_ = now + interval_;
    tell_(bytes_);
  }

 private:
  std::function<void(std::uint64_t)> tell_;
  std::chrono::milliseconds interval_;
  std::chrono::steady_clock::time_point next_;
  std::uint64_t bytes_ = 0;
};

/// Passes bytes on; both outlive it.
class WatchedSink : public base::ByteSink {
 public:
  WatchedSink(base::ByteSink& out, Passed& passed) : out_(out), passed_(passed) {}
  void write(std::string_view bytes) override {
    out_.write(bytes);
    passed_.add(bytes.size());
  }

 private:
  base::ByteSink& out_;
  Passed& passed_;
};

class WatchedSource : public base::ByteSource {
 public:
  WatchedSource(std::unique_ptr<base::ByteSource> source, Passed passed)
      : source_(std::move(source)), passed_(std::move(passed)) {}
  std::size_t read(char* buffer, std::size_t capacity) override {
    const std::size_t count = source_->read(buffer, capacity);
    passed_.add(count);
    return count;
  }

 private:
  const std::unique_ptr<base::ByteSource> source_;
  Passed passed_;
};

}  // namespace registry::detail
