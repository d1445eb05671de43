// How far something long has come, on a terminal.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/byte_sink.h"
#include "base/clock.h"

namespace cli {

/// One line that is written over: "\rhello.tgz: 12.3M of 45.0M (27%)". It is drawn ten times in a second at
/// most, for the first time when there was something to wait for (half a second), and ends with its last
/// state and a line's end. Without a terminal nothing is written. One thread. Throws what the terminal's
/// write does; the destructor does not.
class ProgressLine {
 public:
  /// Both outlive it; null: there is no terminal. `totalBytes`: when it is known.
  ProgressLine(base::ByteSink* terminal, const base::Clock* clock, std::string what,
               std::optional<std::uint64_t> totalBytes);
  ~ProgressLine();
  ProgressLine(const ProgressLine&) = delete;
  ProgressLine& operator=(const ProgressLine&) = delete;

  /// More of them have passed.
  void add(std::uint64_t bytes);
  /// They had passed before: of what goes on from a part.
  void beginAt(std::uint64_t bytes) { done_ = bytes; }
  void finish();

 private:
  void draw();

  base::ByteSink* terminal_;
  const base::Clock* clock_;
  const std::string what_;
  const std::optional<std::uint64_t> total_;
  std::uint64_t done_ = 0;
  base::Time next_;
  std::size_t width_ = 0;  // of what is on the screen
};

}  // namespace cli
