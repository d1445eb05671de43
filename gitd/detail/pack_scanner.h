// Finds the end of a pack in a stream and refuses what declares too much, before anything else looks at it.
// (gitformat-pack, "pack-*.pack files".)
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "gitd/detail/pack_indexer.h"

namespace gitd::detail {

/// Reads headers, inflates every object to see that it is as long as it says, and looks at the size that a
/// delta will expand to. Keeps 64 KiB. It does not hash and does not resolve. One thread at a time.
class PackScanner {
 public:
  explicit PackScanner(const PackLimits& limits);
  ~PackScanner();
  PackScanner(const PackScanner&) = delete;
  PackScanner& operator=(const PackScanner&) = delete;

  /// Returns how many of the bytes belong to the pack. Throws invalidArgument.
  std::size_t scan(std::string_view bytes);
  bool complete() const noexcept { return state_ == State::complete; }
  std::uint64_t objects() const noexcept { return objectCount_; }
  std::uint64_t bytes() const noexcept { return bytes_; }

 private:
  enum class State { header, objectHeader, deltaOffset, deltaBase, data, trailer, complete };
  struct Inflater;
  std::size_t step(std::string_view bytes);
  std::size_t collect(std::string_view bytes, std::size_t wanted);
  void parseHeader();
  std::size_t objectHeader(unsigned char byte);
  std::size_t deltaOffset(unsigned char byte);
  void beginData();
  std::size_t inflateSome(std::string_view bytes);
  void noteDeltaHead(std::string_view plain);
  void endObject();
  void checkObjectSize(std::uint64_t size) const;

  PackLimits limits_;
  State state_ = State::header;
  std::string collected_;  // fixed-size parts that came in pieces
  std::uint64_t bytes_ = 0;
  std::uint64_t objectCount_ = 0;
  std::uint64_t objectsLeft_ = 0;
  std::uint64_t inflatedInAll_ = 0;
  unsigned type_ = 0;
  std::uint64_t size_ = 0;      // that the object's header declares
  unsigned shift_ = 0;          // of the next header byte; 0 at the first
  std::uint64_t inflated_ = 0;  // of this object so far
  std::string deltaHead_;
  std::unique_ptr<Inflater> inflater_;
};

}  // namespace gitd::detail
