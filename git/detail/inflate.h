// zlib streams: whole ones at libdeflate's speed, those in pieces by zlib. (RFC 1950.)
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace git::detail {

/// Inflates a stream that lies whole in memory. One thread at a time.
class WholeInflater {
 public:
  WholeInflater();
  ~WholeInflater();
  WholeInflater(const WholeInflater&) = delete;
  WholeInflater& operator=(const WholeInflater&) = delete;
  /// Fills `out`'s `size` bytes exactly from the stream that `in` begins with; how many bytes of `in` that
  /// took. nullopt when the stream is damaged, has another size, or goes on behind `in`.
  std::optional<std::size_t> inflate(std::string_view in, char* out, std::size_t size);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// Inflates a stream that comes in pieces. One thread at a time.
class StreamInflater {
 public:
  StreamInflater();
  ~StreamInflater();
  StreamInflater(const StreamInflater&) = delete;
  StreamInflater& operator=(const StreamInflater&) = delete;

  struct Step {
    std::size_t taken = 0;  ///< of `in`
    std::size_t made = 0;   ///< in `out`
    bool ended = false;     ///< the stream's end and checksum were there
  };
  void restart();
  /// Throws invalidArgument when the stream is damaged.
  Step inflate(std::string_view in, char* out, std::size_t capacity);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// A zlib stream of these bytes.
std::string deflate(std::string_view bytes);

/// CRC-32 of `bytes`, going on from `crc` (0 at the start).
std::uint32_t crc32(std::uint32_t crc, std::string_view bytes) noexcept;

}  // namespace git::detail
